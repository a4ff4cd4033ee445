"""A mistake of the user is answered with one sentence that says what is allowed, and an exit code."""

import re
import unittest

from support import ProcessTest

SMALL = ("-b", 8, "-e", 8)


class Mistakes(ProcessTest):
    def assert_refused(self, pattern, *arguments, **environment):
        run = self.run_perf(*arguments, **environment)
        self.assert_fails(run, pattern)
        lines = [line for line in run.err.splitlines() if line.startswith("tutti-perf: ")]
        # A rank that is late hears of the other's abort instead.
        lines = [line for line in lines if "called tuttiCommAbort" not in line]
        sentences = {re.sub(r"^tutti-perf: (rank \d+: )?", "", line) for line in lines}
        self.assertEqual(len(sentences), 1, run)  # that each local rank may say
        self.assertEqual(run.finish(), 2, run)

    def test_a_value_that_is_no_number(self):
        self.assert_refused(r"TUTTI_LANES=many: allowed is a whole number from 0 to \d+", "all_reduce", *SMALL, TUTTI_LANES="many")

    def test_a_value_out_of_bounds(self):
        self.assert_refused(r"TUTTI_LANES.*-3", "all_reduce", *SMALL, TUTTI_LANES="-3")

    def test_an_unknown_choice(self):
        self.assert_refused(r"TUTTI_TRANSPORT.*pigeon.*shm.*tcp", "all_reduce", *SMALL, TUTTI_TRANSPORT="pigeon")

    def test_a_setting_on_the_command_line(self):
        self.assert_refused(r"SPIN_US.*soon", "all_reduce", *SMALL, "--setting", "SPIN_US=soon")

    def test_a_line_of_the_configuration_file(self):
        with open(self.base["TUTTI_CONFIG_FILE"], "w") as file:
            file.write("# a comment\nCHUNK=very large\n")
        self.assert_refused(r"tutti\.conf.*CHUNK.*very large", "all_reduce", *SMALL)

    def test_an_unknown_algorithm(self):
        self.assert_refused(r"\"rign\" is no algorithm; there are: .*ring", "all_reduce", *SMALL, "--algorithm", "rign")

    def test_an_unknown_collective(self):
        self.assert_refused(r"no collective \"all_redcue\". Did you mean \"all_reduce\"", "all_redcue", *SMALL)

    def test_one_file_for_several_collectives(self):
        self.assert_refused(r"--json and --csv take one collective", "all", *SMALL, "--json", "all.json")

    def test_shm_across_hosts(self):
        self.assert_refused(r"TUTTI_TRANSPORT=shm, but the ranks are on 2 hosts", "all_reduce", *SMALL, "--hosts", 2,
                            TUTTI_TRANSPORT="shm")

    def test_a_rank_outside_of_the_world(self):
        self.assert_refused(r"RANK is '7'; it must be a whole number from 0 to 1", "all_reduce", *SMALL, RANK="7",
                            WORLD_SIZE="2")

    def test_a_port_that_is_none(self):
        self.assert_refused(r"MASTER_PORT.*harbour", "all_reduce", *SMALL, RANK="0", WORLD_SIZE="2",
                            MASTER_ADDR="127.0.0.1", MASTER_PORT="harbour")

    def test_a_master_that_nobody_knows(self):
        self.assert_refused(r"no-such-host\.invalid", "all_reduce", *SMALL, RANK="1", WORLD_SIZE="2",
                            MASTER_ADDR="no-such-host.invalid", MASTER_PORT="20000", TUTTI_INIT_TIMEOUT_MS="2000")

    def test_an_interface_that_is_not_there(self):
        self.assert_refused(r"TUTTI_SOCKET_INTERFACES", "all_reduce", *SMALL, "--transport", "tcp",
                            TUTTI_SOCKET_INTERFACES="=nothing0")

    def test_an_unknown_variable_is_only_warned_of(self):
        run = self.run_perf("all_reduce", *SMALL, TUTTI_LANE="2")
        self.assert_right(run)
        self.assertRegex(run.err, r"warn .*TUTTI_LANE .*TUTTI_LANES")


if __name__ == "__main__":
    unittest.main()
