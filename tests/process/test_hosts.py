"""Several hosts on one machine: network namespaces joined by veth, and identities given by TUTTI_HOSTID.
Shared memory within a host, TCP between, hierarchical algorithms across."""

import unittest

from network import TwoHosts
from support import COLLECTIVES, QUICK, ProcessTest

SIZES = ("-b", 4, "-e", "1M", "-f", 60)  # four rows
FEW = ("-b", 1004, "-e", 300_000, "-f", 290)  # two rows
HIERARCHICAL = {
    "all_reduce": ("hierarchical", "hierarchical_ring", "hierarchical_leaders"),
    "reduce": ("hierarchical",),
    "broadcast": ("hierarchical",),
    "reduce_scatter": ("hierarchical", "hierarchical_ring"),
    "all_gather": ("hierarchical", "hierarchical_ring"),
    "barrier": ("hierarchical",),
}


class Hosts(ProcessTest):
    def assert_all_right(self, ranks, measured=None):
        self.assert_right(ranks[0], measured)
        for other in ranks[1:]:
            self.assertEqual(other.finish(), 0, other)


class Namespaces(Hosts):
    @classmethod
    def setUpClass(cls):
        cls.hosts = cls.enterClassContext(TwoHosts())

    def across(self, *arguments, host_of=(0, 0, 1, 1), family="ipv4", per_rank=lambda rank: {}, **environment):
        """Ranks started as torchrun would on two hosts; host_of says where each is."""
        environment.setdefault("MASTER_ADDR", self.hosts.addresses[0][family])
        environment.setdefault("TUTTI_LOG_LEVEL", "info")
        return self.start_ranks(len(host_of), *arguments, **environment, per_rank=lambda rank: {
            "prefix": self.hosts.on(host_of[rank]), "LOCAL_RANK": str(host_of[:rank].count(host_of[rank])),
            **per_rank(rank)})

    def test_every_collective(self):
        for collective in COLLECTIVES:
            with self.subTest(collective):
                ranks = self.across(collective, *SIZES, *QUICK)
                self.assert_all_right(ranks, measured=1 if collective == "barrier" else 4)

    def test_the_log_says_hosts_interface_and_address(self):
        for family, address in self.hosts.addresses[0].items():
            with self.subTest(family):
                ranks = self.across("all_reduce", *FEW, *QUICK, family=family, TUTTI_SOCKET_FAMILY=family)
                self.assert_all_right(ranks, measured=2)
                for rank, process in enumerate(ranks):
                    self.assertIn(f"rank {rank} of 4: 2 hosts, shm within hosts, tcp between", process.err)
                self.assertRegex(ranks[0].err, rf"tcp: interface veth \(address \[?{address}\]?\), since ")

    def test_hierarchical_algorithms_can_be_forced(self):
        for collective, names in HIERARCHICAL.items():
            for algorithm in names:
                for host_of in ((0, 0, 1, 1), (0, 1, 0, 1)):  # the second: ranks of a host are not neighbours
                    with self.subTest(collective, algorithm=algorithm, host_of=host_of):
                        ranks = self.across(collective, "--algorithm", algorithm, *FEW, *QUICK, host_of=host_of)
                        self.assert_all_right(ranks)
                        self.assertRegex(ranks[0].err, rf"{collective} of .* over 4 ranks: {algorithm},")

    def test_hosts_of_different_sizes(self):
        for collective in ("all_reduce", "all_gather", "reduce_scatter", "alltoall"):
            with self.subTest(collective):
                self.assert_all_right(self.across(collective, *FEW, *QUICK, host_of=(0, 1, 1)), measured=2)

    def test_one_rank_on_each(self):
        ranks = self.across("all_reduce", *SIZES, *QUICK, host_of=(0, 1))
        self.assert_all_right(ranks, measured=4)
        self.assertIn("rank 0 of 2: 2 hosts, tcp\n", ranks[0].err)

    def test_tcp_alone_when_asked(self):
        ranks = self.across("all_reduce", "--transport", "tcp", *FEW, *QUICK)
        self.assert_all_right(ranks, measured=2)
        self.assertRegex(ranks[0].err, r"rank 0 of 4: 2 hosts, tcp\n")

    def test_interfaces_by_name(self):
        ranks = self.across("all_reduce", *FEW, *QUICK, TUTTI_SOCKET_INTERFACES="=veth")
        self.assert_all_right(ranks, measured=2)

    def test_a_port_range(self):
        ranks = self.across("all_reduce", *FEW, *QUICK, TUTTI_PORT_RANGE="41000-41019")
        self.assert_all_right(ranks, measured=2)

    def test_shm_across_hosts_is_refused(self):
        for process in self.across("all_reduce", "--transport", "shm", *FEW):
            self.assert_fails(process, r"TUTTI_TRANSPORT=shm, but the ranks are on 2 hosts")


class Identities(Hosts):
    def test_host_ids_under_a_launcher(self):
        for collective in ("all_reduce", "alltoall", "broadcast"):
            with self.subTest(collective):
                ranks = self.start_ranks(4, collective, *SIZES, *QUICK, TUTTI_LOG_LEVEL="info",
                                         per_rank=lambda rank: {"TUTTI_HOSTID": f"host{rank // 2}"})
                self.assert_all_right(ranks, measured=4)
                self.assertIn("rank 3 of 4: 2 hosts, shm within hosts, tcp between", ranks[3].err)

    def test_host_ids_of_local_ranks(self):
        for kind in ("-n", "-t"):
            for hosts in (2, 3):
                with self.subTest(kind, hosts=hosts):
                    run = self.run_perf("all_reduce", kind, 4, "--hosts", hosts, *SIZES, *QUICK, TUTTI_LOG_LEVEL="info")
                    self.assert_right(run, measured=4)
                    self.assertIn(f"of 4: {hosts} hosts, shm within hosts, tcp between", run.err)

    def test_loopback_alone(self):
        """A machine with no network but its own still plays several hosts."""
        ranks = self.start_ranks(2, "all_reduce", *FEW, *QUICK, TUTTI_LOG_LEVEL="info", TUTTI_SOCKET_INTERFACES="=lo",
                                 per_rank=lambda rank: {"TUTTI_HOSTID": f"host{rank}"})
        self.assert_all_right(ranks, measured=2)
        self.assertRegex(ranks[0].err + ranks[1].err, r"tcp: interface lo \(address 127\.0\.0\.1")


if __name__ == "__main__":
    unittest.main()
