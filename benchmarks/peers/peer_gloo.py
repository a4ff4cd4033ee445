"""Measures PyTorch's Gloo in the peers' harness (peer_gloo.cpp, as a library): the same loop, a process for each rank.

Gloo reduces in place, so the out-of-place all-reduce that is measured has a copy in it, as a program would need one.
"""

import argparse
import ctypes
import functools
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as distributed

CALL = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)


@functools.cache
def tensor(address: int, elements: int) -> torch.Tensor:
    """The harness's own memory as a tensor."""
    return torch.frombuffer((ctypes.c_float * elements).from_address(address), dtype=torch.float32)


def all_reduce(source, result, elements, count):
    out = tensor(result, elements)
    out.copy_(tensor(source, elements))
    distributed.all_reduce(out)


def all_gather(source, result, elements, count):
    distributed.all_gather_single(tensor(result, elements), tensor(source, count))


def reduce_scatter(source, result, elements, count):
    distributed.reduce_scatter_single(tensor(result, count), tensor(source, elements))


def broadcast(source, result, elements, count):
    distributed.broadcast(tensor(result, elements), 0)


def reduce(source, result, elements, count):
    out = tensor(result, elements)
    out.copy_(tensor(source, elements))
    distributed.reduce(out, 0)


def alltoall(source, result, elements, count):
    distributed.all_to_all_single(tensor(result, elements), tensor(source, elements))


CALLS = [all_reduce, all_gather, reduce_scatter, broadcast, reduce, alltoall]  # in the order of peers::Collective


def parse():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--harness", required=True, type=Path, help="the library of peer_gloo.cpp")
    parser.add_argument("--shared", required=True)
    parser.add_argument("-n", "--ranks", type=int, default=2)
    parser.add_argument("--namespaces", type=lambda text: text.split(","), default=[])
    return parser.parse_known_args()


def run_rank(harness, known, arguments, rank):
    if known.namespaces and harness.peers_enter(known.namespaces[rank % len(known.namespaces)].encode()) != 0:
        return 1
    distributed.init_process_group("gloo", init_method=f"file://{known.shared}.gloo", rank=rank, world_size=known.ranks)

    def call(collective, *buffers):
        try:
            CALLS[collective](*buffers)
        except Exception as error:  # what a callback throws is printed and forgotten
            print(f"rank {rank}: {error}", file=sys.stderr, flush=True)
            os._exit(1)

    words = [word.encode() for word in ("peer_gloo", *arguments)]
    status = harness.peers_run_rank(len(words), (ctypes.c_char_p * len(words))(*words), rank, CALL(call))
    distributed.barrier()
    return status


def main():
    known, unknown = parse()
    arguments = [*unknown, "--shared", known.shared, "--ranks", str(known.ranks)]
    harness = ctypes.CDLL(str(known.harness))
    torch.set_num_threads(1)
    children = []
    for rank in range(known.ranks):
        child = os.fork()  # torch has no threads yet
        if child == 0:
            os._exit(run_rank(harness, known, arguments, rank))
        children.append(child)
    failed = False
    for _ in range(known.ranks):
        _, status = os.wait()
        if status != 0 and not failed:
            failed = True
            for child in children:
                os.kill(child, signal.SIGKILL)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
