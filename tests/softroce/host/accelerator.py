"""KVM where it really works, else software emulation. Whether it works is found out by booting: there are machines with a
/dev/kvm on which a guest never starts. The answer is kept in the cache folder until the host boots again."""

import os
import pathlib
import subprocess

from kernel import cache_folder
from machine import PROBE_WORD, PROGRAM, accelerator_arguments, base_arguments, die_with_parent

PROBE_LIMIT_S = 20  # with KVM it takes one
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")


def choose(kernel):
    """"kvm" or "tcg"."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = BOOT_ID.read_text().strip()
    answer = cache_folder() / "accelerator"
    if answer.exists() and answer.read_text().split()[:1] == [boot]:
        return answer.read_text().split()[1]
    chosen = "kvm" if boots_with_kvm(kernel) else "tcg"
    answer.write_text(f"{boot} {chosen}\n")
    return chosen


def boots_with_kvm(kernel, limit_s=PROBE_LIMIT_S):
    """Whether a machine gets as far as guest/init, which says the word and ends it."""
    command = [PROGRAM, *base_arguments(kernel, more=("softroce=probe",)), *accelerator_arguments("kvm"),
               "-smp", "2", "-m", "256M", "-serial", "stdio"]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s,
                                preexec_fn=die_with_parent)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return f"softroce: {PROBE_WORD}".encode() in result.stdout
