"""A kernel that has Soft-RoCE: Debian's stock one, downloaded once and kept in a cache folder, and an initramfs for it.

Nothing is installed. The package is unpacked into the cache, of which the image and a few modules stay; the initramfs is
busybox, those modules and guest/init. Several runs may prepare at a time: a lock file in the cache lets one go first.
"""

import dataclasses
import fcntl
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from errors import BedError, say

GUEST = pathlib.Path(__file__).resolve().parent.parent / "guest"
PACKAGE = "linux-image-amd64"  # depends on the package of the current kernel

# With these come the modules that they depend on.
MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay", "virtio_console", "virtio_net", "virtio_rng",
           "ib_uverbs", "rdma_cm", "rdma_ucm", "rdma_rxe", "veth", "bridge", "sch_netem", "sch_tbf")
# rdma_rxe of 6.1 asks the crypto layer for crc32, and other modules for crc32c; later kernels have them built in.
MODULES_IF_THERE = ("crc32_generic", "crc32c_generic")

# depmod reads these, where a kernel has them.
MODULE_LISTS = ("modules.order", "modules.builtin", "modules.builtin.modinfo")


def cache_folder():
    """Where the kernel is kept; SOFTROCE_CACHE, or a folder of tutti's in the user's cache."""
    user = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(os.environ.get("SOFTROCE_CACHE") or os.path.join(user, "tutti", "softroce")).absolute()


@dataclasses.dataclass
class Kernel:
    """What QEMU boots."""

    version: str
    image: pathlib.Path
    initramfs: pathlib.Path


def prepare(update=False):
    """The kernel of the cache with its initramfs; downloads it where the cache has none or an update is asked for."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with open(cache / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = cached_kernels(cache)
            folder = kept[-1] if kept and not update else download(cache)
            return Kernel(folder.name, folder / "vmlinuz", build_initramfs(folder))
    except OSError as error:
        raise BedError(f"The cache folder {cache} cannot be used: {error.strerror or error} ({error.filename}). "
                       "SOFTROCE_CACHE names another.") from error


def cached_kernels(cache):
    """Folders of complete kernels, the newest last."""
    return sorted(cache.glob("kernel/*"), key=lambda folder: folder.stat().st_mtime)


def download(cache):
    """Fetches and unpacks Debian's current kernel; returns its folder in the cache."""
    package = current_package()
    size = field(package, "Size")
    say(f"downloading Debian's kernel, {package} {field(package, 'Version')}: {int(size) / 2**20:.0f} MiB, once")
    with tempfile.TemporaryDirectory(dir=cache) as work:
        # As root, apt would fetch as a user who may not enter this folder.
        result = run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=work)
        archives = list(pathlib.Path(work).glob("*.deb"))
        if result.returncode != 0 or not archives:
            raise BedError(f"{package} could not be downloaded: {last_line(result)} "
                           "Is there a network? Are the package lists fresh (apt-get update)?")
        unpacked = pathlib.Path(work) / "unpacked"
        result = run("dpkg-deb", "-x", archives[0], unpacked)
        if result.returncode != 0:
            raise BedError(f"{package} could not be unpacked: {last_line(result)}")
        folder = keep(unpacked, cache)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    say(f"kept in {folder}: {size / 2**20:.0f} MiB")
    return folder


def current_package():
    if shutil.which("apt-get") is None:
        raise BedError("There is no apt-get here, and no kernel in the cache yet. Copy the cache folder of a Debian machine "
                       f"({cache_folder()}) to this one.")
    result = run("apt-cache", "depends", PACKAGE)
    found = re.search(r"Depends: (linux-image-\S+)", result.stdout)
    if not found:
        raise BedError(f"apt knows no {PACKAGE}, Debian's kernel: apt-get update fetches the package lists.")
    return found[1]


def field(package, name):
    found = re.search(rf"^{name}: (.*)$", run("apt-cache", "show", "--no-all-versions", package).stdout, re.MULTILINE)
    if not found:
        raise BedError(f"apt knows no {package}: apt-get update fetches the package lists.")
    return found[1]


def keep(unpacked, cache):
    """Moves what is needed of an unpacked package into the cache, complete or not at all."""
    image = next(unpacked.glob("boot/vmlinuz-*"))
    version = image.name.removeprefix("vmlinuz-")
    tree = next(path for path in (unpacked / "lib/modules" / version, unpacked / "usr/lib/modules" / version) if path.exists())
    chosen = unpacked / "chosen"
    modules = chosen / "modules"
    modules.mkdir(parents=True)
    shutil.copy2(image, chosen / "vmlinuz")
    for name in MODULE_LISTS:
        if (tree / name).exists():
            shutil.copy2(tree / name, modules / name)
    for path, content in with_dependencies(tree):
        (modules / path.name.removesuffix(".xz")).write_bytes(content)
    target = cache / "kernel" / version
    target.parent.mkdir(exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    chosen.rename(target)
    return target


def with_dependencies(tree):
    """(path, content) of every module that MODULES need, each once."""
    paths = {module_name(path): path for path in tree.rglob("*.ko*")}
    wanted = [*MODULES, *(name for name in MODULES_IF_THERE if name in paths)]
    seen = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in paths:
            if is_built_in(tree, name):
                continue
            raise BedError(f"The kernel {tree.name} has no module {name}.")
        content = read_module(paths[name])
        yield paths[name], content
        depends = re.search(rb"\0depends=([^\0]*)\0", content)
        wanted += [word for word in depends[1].decode().replace("-", "_").split(",") if word] if depends else []


def module_name(path):
    return path.name.split(".ko")[0].replace("-", "_")


def is_built_in(tree, name):
    return any(module_name(pathlib.Path(line)) == name for line in (tree / "modules.builtin").read_text().splitlines())


def read_module(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def build_initramfs(kernel_folder):
    """busybox, the modules and guest/init in a cpio archive; built anew when one of them has changed."""
    busybox = find_busybox()
    digest = hashlib.sha256()
    for path in (busybox, GUEST / "init", *sorted(kernel_folder.glob("modules/*"))):
        digest.update(path.read_bytes())
    target = kernel_folder / f"initramfs-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=kernel_folder.parent.parent) as work:
        tree = pathlib.Path(work) / "tree"
        fill_initramfs(tree, busybox, kernel_folder)
        archive = pathlib.Path(work) / "archive"
        names = [str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))]
        with open(archive, "wb") as output:
            subprocess.run([busybox, "cpio", "-o", "-H", "newc", "-R", "0:0"], cwd=tree, input="\n".join(names).encode(),
                           stdout=output, stderr=subprocess.DEVNULL, check=True)
        for old in kernel_folder.glob("initramfs-*"):
            old.unlink()
        archive.rename(target)
    return target


def fill_initramfs(tree, busybox, kernel_folder):
    for folder in ("bin", "dev", "proc", "sys", "etc"):
        (tree / folder).mkdir(parents=True)
    shutil.copy2(busybox, tree / "bin/busybox")
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")
    (tree / "sbin").symlink_to("bin")  # the kernel calls /sbin/modprobe
    shutil.copy2(GUEST / "init", tree / "init")
    modules = tree / "lib/modules" / kernel_folder.name
    shutil.copytree(kernel_folder / "modules", modules)
    subprocess.run([busybox, "depmod", "-b", tree, kernel_folder.name], check=True, capture_output=True)


def find_busybox():
    path = shutil.which("busybox")
    if path is None:
        raise BedError("busybox is missing: the package busybox-static has it.")
    if b"/ld-linux" in pathlib.Path(path).read_bytes():
        raise BedError(f"{path} is not linked statically: the package busybox-static has one that is.")
    return pathlib.Path(path)


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})


def last_line(result):
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit status {result.returncode}."
