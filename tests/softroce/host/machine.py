"""One QEMU machine: started, watched, ended. It dies with the process that started it, whatever ends that."""

import ctypes
import dataclasses
import os
import pathlib
import re
import signal
import subprocess

from errors import BedError

PR_SET_PDEATHSIG = 1
PROGRAM = "qemu-system-x86_64"

COMPLAINT = re.compile(r"Kernel panic|BUG:|Oops:|general protection fault|Out of memory:|softroce:")
PROBE_WORD = "booted"

# A panic reboots, which -no-reboot turns into QEMU's end. While it boots, the kernel measures its timers against each other;
# on a busy host the emulated ones may then seem not to work, which would be a panic but for no_timer_check. Nor must it find
# that the processors' time stamps disagree, which they do not: it would read the clock from an emulated device, at 10 us a time.
COMMAND_LINE = ("console=ttyS0", "loglevel=5", "panic=-1", "oops=panic", "no_timer_check", "mitigations=off",
                "random.trust_cpu=on", "tsc=reliable")


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def base_arguments(kernel, more=()):
    return ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", kernel.image, "-initrd", kernel.initramfs, "-append", " ".join((*COMMAND_LINE, *more))]


# Where a processor says that it moves strings fast (ERMS), Linux and the C library copy with `rep movsb`. The emulation takes that
# byte by byte: 64 KiB through a pipe at 53 instead of 480 MB/s, and as slow from packets into memory.
EMULATED_CPU = "max,-erms"


def accelerator_arguments(accelerator):
    return ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else ["-accel", "tcg,thread=multi", "-cpu", EMULATED_CPU]


def escape(path):
    """A path as QEMU's options want it."""
    return str(path).replace(",", ",,")


def share_arguments(tag, folder, writable):
    """A folder of the host as a 9p share."""
    access = "" if writable else ",readonly=on"
    return ["-virtfs", f"local,path={escape(folder)},mount_tag={tag},security_model=none,multidevs=remap{access}"]


def output_arguments(read_ends):
    """Two ports that guest/init writes the command's output to, and the pipe of each: (arguments, write ends)."""
    arguments, write_ends = ["-device", "virtio-serial-pci,max_ports=4"], []
    for number, name in enumerate(("stdout", "stderr"), start=1):
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        read_ends.append(read_end)
        write_ends.append(write_end)
        arguments += ["-chardev", f"file,id={name},path=/dev/fd/{write_end}",
                      "-device", f"virtserialport,chardev={name},nr={number},name={name}"]
    return arguments, write_ends


@dataclasses.dataclass
class Resources:
    """What a machine is given."""

    accelerator: str  # "tcg" or "kvm"
    cpus: int
    memory_mib: int


class Machine:
    """A running QEMU. `folder` is its share for the job, where the console's text goes too."""

    def __init__(self, kernel, folder, resources, out, nics):
        self.folder = pathlib.Path(folder)
        self.console = self.folder / "console"
        self.outputs = []  # what the command prints: file descriptors of stdout and stderr
        ports, write_ends = output_arguments(self.outputs)
        command = [PROGRAM, *base_arguments(kernel), *accelerator_arguments(resources.accelerator),
                   "-smp", resources.cpus, "-m", f"{resources.memory_mib}M",
                   "-serial", f"file:{escape(self.console)}", "-device", "virtio-rng-pci",
                   *share_arguments("root", "/", writable=False), *share_arguments("job", folder, writable=True)]
        if out:
            command += share_arguments("out", out, writable=True)
        inherited = list(write_ends)
        for nic in nics:
            command += nic.arguments
            inherited += nic.descriptors
        try:
            self.process = subprocess.Popen([*map(str, command), *ports], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=open(self.folder / "qemu", "wb"), pass_fds=inherited,
                                            preexec_fn=die_with_parent)
        except FileNotFoundError:
            raise BedError(f"{PROGRAM} is missing: the package qemu-system-x86 has it.") from None
        finally:
            for descriptor in write_ends:
                os.close(descriptor)

    def status(self):
        """The command's exit status; None while it has none."""
        try:
            return int((self.folder / "status").read_text())
        except FileNotFoundError:
            return None

    def has_booted(self):
        """Whether the command has begun; so it has where the machine could not be set up for it."""
        return (self.folder / "begun").exists() or self.status() is not None

    def has_failed(self):
        """Whether it could not be set up, so that the command has never begun."""
        return self.status() is not None and not (self.folder / "begun").exists()

    def is_gone(self):
        """Whether QEMU has ended: the machine has panicked, or never started."""
        return self.process.poll() is not None

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def last_words(self):
        """What QEMU complained about, and the kernel's complaint or else the end of its console."""
        paths = [path for path in (self.folder / "qemu", self.console) if path.exists()]
        texts = [path.read_text(errors="replace").replace("\r", "") for path in paths]
        return "\n".join(quote(text.rstrip().splitlines()) for text in texts if text.strip())


def quote(lines, most=25):
    complaints = (number for number, line in enumerate(lines) if COMPLAINT.search(line))
    first = next(complaints, max(0, len(lines) - most))
    return "\n".join(lines[first:first + most])
