"""What happens to the others when a rank dies, never comes, calls something else, or the network is cut."""

import os
import pathlib
import signal
import unittest

from network import TwoHosts
from support import ENDLESS, ProcessTest

SIZES = ("-b", 8, "-e", "256K", "-f", 32)
SOON_S = 15  # survivors know within two seconds; a busy machine with sanitizers takes its time


def kill(process):
    os.kill(process.child.pid, signal.SIGKILL)


def abstract_sockets():
    """The names of all abstract Unix sockets that tutti has made."""
    return {line.split()[-1] for line in pathlib.Path("/proc/net/unix").read_text().splitlines() if "@tutti" in line}


class DeadRanks(ProcessTest):
    def assert_survivors_name(self, dead, survivors):
        for survivor in survivors:
            self.assert_fails(survivor, rf"tutti-perf: .*\brank {dead}\b", SOON_S)

    def kill_one(self, victim, size=3, collective="all_reduce", **keywords):
        ranks = self.start_ranks(size, collective, *SIZES, *ENDLESS, **keywords)
        ranks[0].wait_for_rows()
        kill(ranks[victim])
        self.assert_survivors_name(victim, ranks[:victim] + ranks[victim + 1:])

    def test_killed_in_the_middle_of_a_run(self):
        for wire in ("shm", "tcp"):
            for victim in range(3):
                with self.subTest(wire, victim=victim):
                    self.kill_one(victim, TUTTI_TRANSPORT=wire)

    def test_killed_where_others_do_not_talk_to_it(self):
        """In a chain and in a tree most ranks learn of it from the control plane alone."""
        for collective, algorithm in (("broadcast", "chain"), ("all_reduce", "tree"), ("all_reduce", "ring")):
            with self.subTest(collective, algorithm=algorithm):
                self.kill_one(3, 4, collective, TUTTI_TRANSPORT="tcp", TUTTI_ALGORITHM=algorithm)

    def test_killed_on_another_host(self):
        for victim in (1, 2):
            with self.subTest(victim=victim):
                self.kill_one(victim, 4, per_rank=lambda rank: {"TUTTI_HOSTID": f"host{rank // 2}"})

    def test_a_local_process_killed(self):
        run = self.start("all_reduce", "-n", 3, *SIZES, *ENDLESS)
        run.wait_for_rows()
        victim = run.children()[1]
        os.kill(victim, signal.SIGKILL)
        self.assert_fails(run, rf"process 1 \(pid {victim}\) was ended by signal 9", SOON_S)

    def test_a_local_process_stopped(self):
        run = self.start("all_reduce", "-n", 3, *SIZES, *ENDLESS, TUTTI_CONTROL_TIMEOUT_MS="2000")
        run.wait_for_rows()
        os.kill(run.children()[1], signal.SIGSTOP)
        self.assert_fails(run, r"\brank 1\b", SOON_S)

    def test_killed_while_others_read_and_write_its_memory(self):
        for victim in range(2):
            with self.subTest(victim=victim):
                ranks = self.start_ranks(2, "all_reduce", "-b", "32M", "-e", "32M", "--memory", "tutti", "-c", 0, *ENDLESS)
                ranks[0].wait_for_rows()
                kill(ranks[victim])
                self.assert_survivors_name(victim, [ranks[1 - victim]])

    def test_stopped_rank_counts_as_lost(self):
        """A process that is stopped sends no heartbeat."""
        ranks = self.start_ranks(3, "all_reduce", *SIZES, *ENDLESS, TUTTI_CONTROL_TIMEOUT_MS="2000")
        ranks[0].wait_for_rows()
        os.kill(ranks[1].child.pid, signal.SIGSTOP)
        self.assert_survivors_name(1, [ranks[0], ranks[2]])


class AbsentRanks(ProcessTest):
    def test_a_missing_rank_is_named(self):
        for missing in (1, 2):
            with self.subTest(missing=missing):
                for present in self.start_ranks(3, "all_reduce", absent=[missing], TUTTI_INIT_TIMEOUT_MS="2000"):
                    self.assert_fails(present, rf"tutti-perf: .*\brank {missing}\b", SOON_S)

    def test_a_missing_rank_zero(self):
        for present in self.start_ranks(3, "all_reduce", absent=[0], TUTTI_INIT_TIMEOUT_MS="2000"):
            self.assert_fails(present, r"cannot reach rank 0's rendezvous at MASTER_ADDR=127.0.0.1", SOON_S)

    def test_another_secret_does_not_get_in(self):
        ranks = self.start_ranks(2, "all_reduce", TUTTI_INIT_TIMEOUT_MS="2000",
                                 per_rank=lambda rank: {"TUTTI_SECRET": f"secret of {rank}"})
        self.assert_fails(ranks[0], r"rank 1 ", SOON_S)
        self.assert_fails(ranks[1], r"TUTTI_SECRET and the job must be the same on all ranks", SOON_S)


class DifferentCalls(ProcessTest):
    DIFFERENT = "called different collectives, or the same with different counts, types, operators or roots"

    def assert_told(self, per_rank):
        for wire in ("shm", "tcp"):
            with self.subTest(wire):
                ranks = self.start_ranks(2, "-w", 0, TUTTI_TRANSPORT=wire, per_rank=per_rank)
                for rank in ranks:
                    self.assert_fails(rank, rf"tutti-perf: .*{self.DIFFERENT}", SOON_S)

    def test_different_counts(self):
        self.assert_told(lambda rank: {"arguments": ("all_reduce", "-b", 1000 + 8 * rank, "-e", 4000)})

    def test_different_counts_of_large_messages(self):
        self.assert_told(lambda rank: {"arguments": ("all_reduce", "-b", 1_000_000 + 800_000 * rank, "-e", "4M")})

    def test_different_collectives(self):
        self.assert_told(lambda rank: {"arguments": (("all_reduce", "all_gather")[rank], "-b", 4096, "-e", 4096)})

    def test_different_types_of_one_size(self):
        self.assert_told(lambda rank: {"arguments": ("all_reduce", "-b", 4096, "-e", 4096, "-d", ("float", "int32")[rank])})

    def test_different_operators(self):
        self.assert_told(lambda rank: {"arguments": ("all_reduce", "-b", 4096, "-e", 4096, "-o", ("sum", "max")[rank])})

    def test_different_roots(self):
        self.assert_told(lambda rank: {"arguments": ("broadcast", "-b", 4096, "-e", 4096, "-r", rank)})

    def test_different_roots_and_small_messages_between(self):
        """Both send and neither receives; the barriers between are small messages, which have slots of their own."""
        self.assert_told(lambda rank: {"arguments": ("broadcast", "-b", 4096, "-e", 4096, "-r", rank, "-I", 5000)})


class Leftovers(ProcessTest):
    def test_nothing_is_left_of_killed_ranks(self):
        before, shared = abstract_sockets(), set(os.listdir("/dev/shm"))
        for name, variables in (("address", {}), ("file", {"LOCAL_WORLD_SIZE": "3"})):
            with self.subTest(name):
                ranks = self.start_ranks(3, "all_reduce", *SIZES, *ENDLESS, **variables)
                ranks[0].wait_for_rows()
                pids = [rank.child.pid for rank in ranks]
                for rank in ranks:
                    rank.kill()
                self.assertEqual(set(os.listdir("/dev/shm")) - shared, set())
                self.assertEqual(os.listdir(self.folder), ["tutti.conf"])
                left = [name for name in abstract_sockets() - before if any(str(pid) in name for pid in pids)]
                self.assertEqual(left, [])

    def test_the_next_start_cleans_up_after_a_killed_one(self):
        """Killed while it waits for the others, rank 0 leaves its rendezvous file; the next job of that name replaces it."""
        variables = {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "again", "MASTER_PORT": "29999"}
        (lonely,) = self.start_ranks(2, "all_reduce", absent=[1], **variables, TUTTI_LOG_LEVEL="debug")
        lonely.wait_for(lambda me: "offers its rendezvous in" in me.err, "the rendezvous")
        lonely.kill()
        self.assertEqual(len(os.listdir(self.folder)), 2, "the file is there: it could not be removed")
        for rank in self.start_ranks(2, "all_reduce", "-b", 8, "-e", 8, **variables):
            self.assertEqual(rank.finish(), 0, rank)
        self.assertEqual(os.listdir(self.folder), ["tutti.conf"])


class CutLink(ProcessTest):
    def test_both_sides_name_the_other(self):
        for collective in ("all_reduce", "sendrecv"):
            with self.subTest(collective), TwoHosts() as hosts:
                ranks = self.start_ranks(4, collective, *SIZES, *ENDLESS, MASTER_ADDR=hosts.addresses[0]["ipv4"],
                                         TUTTI_CONTROL_TIMEOUT_MS="3000",
                                         per_rank=lambda rank: {"prefix": hosts.on(rank // 2)})
                ranks[0].wait_for_rows()
                hosts.cut()
                for rank, process in enumerate(ranks):
                    others = "[23]" if rank < 2 else "[01]"
                    self.assert_fails(process, rf"tutti-perf: .*\brank {others}\b", 3 + SOON_S)


if __name__ == "__main__":
    unittest.main()
