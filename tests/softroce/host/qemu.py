"""Runs a command in QEMU machines: boots them, passes on what the command prints, waits for every machine's status or for
an end that nobody wanted, and leaves nothing running."""

import contextlib
import os
import pathlib
import sys
import tempfile
import threading
import time

import job
import network
from errors import BedError, say
from machine import Machine

TIMED_OUT = 124
POLL_S = 0.02


class Output:
    """Passes on one stream of a machine; whole lines with a prefix where there are several machines."""

    def __init__(self, descriptor, target, prefix):
        self.descriptor, self.target, self.prefix = descriptor, target, prefix
        self.thread = threading.Thread(target=self._pass_on, daemon=True)
        self.thread.start()

    def finish(self):
        """To be called when the machine is gone: passes on what is left."""
        self.thread.join()
        os.close(self.descriptor)

    def _pass_on(self):
        rest = b""
        while chunk := os.read(self.descriptor, 65536):
            if self.prefix:
                *lines, rest = (rest + chunk).split(b"\n")
                chunk = b"".join(self.prefix + line + b"\n" for line in lines)
            self._write(chunk)
        if rest:
            self._write(self.prefix + rest + b"\n")

    def _write(self, data):
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more: drained all the same
            self.target.write(data)
            self.target.flush()


class Bed:
    """The machines of one run, which end with its context. out: the user's folder for what comes back, or
    None; console: a file for what the kernels had to say, or None."""

    def __init__(self, kernel, shape, resources, command, out=None, console=None):
        self.kernel, self.shape, self.resources, self.command, self.out = kernel, shape, resources, command, out
        self.console = console
        self.machines, self.outputs = [], []

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix=f"softroce-{os.getpid()}-")
        try:
            for number, nics in enumerate(network.connect(self.shape.machines, self.shape.rails)):
                self._start(number, nics)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.end()
        for output in self.outputs:
            output.finish()
        if self.console:
            self.console.write_bytes(b"".join(machine.console.read_bytes() for machine in self.machines))
        self.folder.cleanup()

    def _start(self, number, nics):
        folder = pathlib.Path(self.folder.name) / str(number)
        folder.mkdir()
        shared = self.out and (self.out if self.shape.machines == 1 else self.out / str(number))
        if shared:
            shared.mkdir(parents=True, exist_ok=True)
        job.write_machine(folder, self.shape, number, shared)
        job.write_command(folder, self.shape, number, shared, self.command)
        machine = Machine(self.kernel, folder, self.resources, shared, nics)
        self.machines.append(machine)
        prefix = b"" if self.shape.machines == 1 else f"[{number}] ".encode()
        self.outputs += [Output(descriptor, target.buffer, prefix)
                         for descriptor, target in zip(machine.outputs, (sys.stdout, sys.stderr))]

    def boot(self, limit_s):
        """Whether the command has begun on every machine within the limit; what keeps a machine from it is said."""
        late = self._wait_for(Machine.has_booted, limit_s)
        for number in late[:1]:
            say(f"a machine did not boot within {limit_s} s.{self._last_words(number)}")
        return not late

    def wait(self, limit_s):
        """The first status that is not 0, once every machine has one."""
        if late := self._wait_for(lambda machine: machine.status() is not None, limit_s):
            where = "" if self.shape.machines == 1 else f" on machine {' and '.join(map(str, late))}"
            say(f"the command did not end within {limit_s:g} s{where} (--timeout), so it was ended")
            return TIMED_OUT
        for number, machine in enumerate(self.machines):
            if machine.has_failed():
                raise BedError(f"The machine could not be set up.{self._last_words(number)}")
        return next((status for machine in self.machines if (status := machine.status()) != 0), 0)

    def _wait_for(self, reached, limit_s):
        """Until `reached` holds of every machine; the numbers of those that it does not hold of within the limit.
        A machine that is gone before is an error."""
        end = time.monotonic() + limit_s
        while missing := [number for number, machine in enumerate(self.machines) if not reached(machine)]:
            for number in missing:
                if self.machines[number].is_gone() and not reached(self.machines[number]):
                    raise BedError(f"The machine ended by itself.{self._last_words(number)}")
            if time.monotonic() > end:
                break
            time.sleep(POLL_S)
        return missing

    def _last_words(self, number):
        which = "" if self.shape.machines == 1 else f" of machine {number}"
        return f" The last words{which}:\n{self.machines[number].last_words()}"
