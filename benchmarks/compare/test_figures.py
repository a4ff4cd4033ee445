"""The arithmetic of a comparison, on runs made up for it: medians, ratios, means, bounds and verdicts."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tables
from bounds import Bounds
from figures import geometric_mean, lines, size_text, time_text
from plan import full, quick, smoke
from targets import verdicts

SETTINGS = [{"name": "shm2", "title": "Shared memory", "ranks": 2, "tcp": False, "sizes": {"all_reduce": [8, 1 << 20]}},
            {"name": "tcp2", "title": "TCP", "ranks": 2, "tcp": True, "sizes": {"all_reduce": [8, 8 << 20]}}]


def row(size, time_us, place="l3", samples=100):
    return {"size": size, "place": place, "samples": samples, "time_us_median": time_us}


def run(library, rows, setting="shm2"):
    return {"setting": setting, "collective": "all_reduce", "library": library, "rows": rows, "problem": ""}


def made_up(runs, bounds=(), iperf3=(), rounds=1, scale=None):
    return {"settings": SETTINGS, "runs": runs, "bounds": list(bounds), "iperf3": list(iperf3), "rounds": rounds, "problems": [],
            "scale": scale or {}, "absent": [], "libraries": {"tutti": "tutti", "a": "A", "b": "B"}, "machine": "m", "date": "d",
            "revision": "r", "command": "c", "seconds": 1, "congestion": "cubic"}


class Figures(unittest.TestCase):
    def test_a_figure_is_the_median_over_starts(self):
        data = made_up([run("tutti", [row(8, time)]) for time in (1, 9, 2)])
        self.assertEqual(lines(data)[0].tutti.time_us, 2)

    def test_the_best_peer_of_each_size_counts(self):
        data = made_up([run("tutti", [row(8, 1), row(32, 1)]), run("a", [row(8, 2), row(32, 5)]), run("b", [row(8, 3), row(32, 4)])])
        self.assertEqual([line.ahead for line in lines(data)], [2, 4])

    def test_places_are_kept_apart(self):
        data = made_up([run("tutti", [row(8, 1, "l3"), row(8, 9, "far")]), run("a", [row(8, 9, "far")])])
        self.assertEqual([line.ahead for line in lines(data)], [None, 1])

    def test_a_place_that_few_starts_saw_counts_nowhere(self):
        data = made_up([run("tutti", [row(8, 1)]) for _ in range(3)] + [run("a", [row(8, 2)])] * 2, rounds=5)
        self.assertIsNone(lines(data)[0].best_peer)

    def test_a_faster_peer_of_few_starts_counts_beside_others(self):
        data = made_up([run("tutti", [row(8, 1)]), run("a", [row(8, 4)])] * 3 + [run("b", [row(8, 2)])], rounds=5)
        self.assertEqual(lines(data)[0].ahead, 2)

    def test_few_samples_say_something_only_if_they_are_long(self):
        data = made_up([run("tutti", [row(8, 1, samples=2), row(1 << 28, 50_000, samples=2)])])
        self.assertEqual([line.size for line in lines(data)], [1 << 28])

    def test_means_and_texts(self):
        self.assertAlmostEqual(geometric_mean([2, 8]), 4)
        self.assertIsNone(geometric_mean([]))
        self.assertEqual((size_text(8), size_text(2048), size_text(1 << 28)), ("8 B", "2 KiB", "256 MiB"))
        self.assertEqual((time_text(0.123), time_text(12.34), time_text(1234.5)), ("0.12", "12.3", "1234"))


class TheBounds(unittest.TestCase):
    bounds = Bounds(made_up([], bounds=[
        {"kind": "line", "cores": 2, "rows": [row(8, 6.4)]},
        {"kind": "copy", "cores": 2, "rows": [row(1 << 10, 1), row(1 << 20, 1000)]},
        {"kind": "stream", "cores": 2, "rows": [row(1 << 20, 500)]},
        {"kind": "hand_over", "cores": 2, "rows": [row(1 << 20, 100)]},
        {"kind": "tcp", "cores": 2, "rows": [row(1 << 20, (1 << 20) / 2000)]},
        {"kind": "tcp_one_way", "cores": 2, "rows": [row(1 << 20, (1 << 20) / 5000)]},
        {"kind": "tcp_ping", "cores": 2, "rows": [row(8, 256)]}],
        iperf3=[{"one_way": 4e9, "both_ways": 6e9}]))

    def test_eight_bytes_take_a_cache_line_one_way(self):
        bound = self.bounds.of("shm2", "all_reduce", 8, "l3")
        self.assertAlmostEqual(bound.time_us, 0.1)
        self.assertEqual(bound.by, "a cache line's way")

    def test_large_ones_take_what_their_memory_takes_the_better_way(self):
        self.assertAlmostEqual(self.bounds.of("shm2", "all_reduce", 1 << 20, "l3").time_us, 500)
        self.assertAlmostEqual(self.bounds.of("shm2", "all_gather", 1 << 20, "l3").time_us, 375)
        self.assertAlmostEqual(self.bounds.of("shm2", "broadcast", 4 << 20, "l3").time_us, 1000)

    def test_nothing_is_said_of_a_place_that_was_not_seen(self):
        self.assertIsNone(self.bounds.of("shm2", "all_reduce", 8, "far"))

    def test_tcp_takes_its_latency_or_its_bandwidth(self):
        self.assertAlmostEqual(self.bounds.of("tcp2", "all_reduce", 8, "l3").time_us, 4)
        self.assertAlmostEqual(self.bounds.of("tcp2", "all_reduce", 3 << 20, "l3").time_us, (3 << 20) / 3000)
        self.assertAlmostEqual(self.bounds.of("tcp2", "broadcast", 5 << 20, "l3").time_us, (5 << 20) / 5000)

    def test_of_a_place_without_its_own_exchange_tcps_rate_is_unknown(self):
        self.assertIsNone(self.bounds.of("tcp2", "all_reduce", 3 << 20, "smt"))

    def test_a_bound_is_the_best_round_and_a_usual_one_the_median(self):
        data = made_up([], bounds=[{"kind": "line", "cores": 2, "rows": [row(8, us)]} for us in (6.4, 64, 128)])
        self.assertAlmostEqual(Bounds(data).line_us("l3"), 0.1)
        self.assertAlmostEqual(Bounds(data, usual=True).line_us("l3"), 1)

    def test_sizes_between_lie_on_the_power_law(self):
        self.assertAlmostEqual(self.bounds.interpolated("copy", 2, "l3", 1 << 15), 1000 ** 0.5, places=3)


class Targets(unittest.TestCase):
    def test_says_by_how_much_and_where(self):
        data = made_up([run("tutti", [row(8, 1), row(1 << 20, 1)]), run("a", [row(8, 2), row(1 << 20, 0.5)])])
        mean, everywhere = verdicts(data)[:2]
        self.assertEqual((mean.met, mean.reached), (False, "1.00 (38 % short)"))
        self.assertEqual((everywhere.met, everywhere.reached), (False, "behind at 1 of 2: 1 MiB l3 (0.50)"))

    def test_tcp_is_held_against_the_wire(self):
        runs = [run("tutti", [row(8, 5, "any"), row(8 << 20, 4000, "any")], "tcp2")]
        bounds = [{"kind": "tcp_ping", "cores": 2, "rows": [row(8, 256)]}]
        found = {verdict.what: verdict for verdict in verdicts(made_up(runs, bounds, [{"one_way": 4e9, "both_ways": 6e9}]))}
        self.assertTrue(found["TCP: 8 B over a spinning ping-pong's one way"].met)
        self.assertFalse(found["TCP: from 8 MiB up, share of iperf3's both ways at once"].met)

    def test_scale(self):
        made = verdicts(made_up([], scale={"join": {"join_s": 6, "private_mib_most": 10}, "all_reduce": "exit status 1: no"}))
        self.assertEqual([verdict.met for verdict in made[-3:]], [False, True, False])


class Tables(unittest.TestCase):
    def test_what_others_wrote_is_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "RESULTS.md"
            path.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
            tables.write(path, made_up([run("tutti", [row(8, 1)]), run("a", [row(8, 2)])]))
            text = path.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("**2.00**", text)

    def test_every_rank_has_a_share_of_every_planned_size(self):
        for plan in (full(), quick(), smoke()):
            for setting in plan.settings:
                for collective, sizes in setting.sizes.items():
                    shares = 1 if collective in ("all_reduce", "broadcast") else setting.ranks
                    self.assertEqual([size for size in sizes if size % (4 * shares) != 0], [], f"{setting.name} {collective}")


if __name__ == "__main__":
    unittest.main()
