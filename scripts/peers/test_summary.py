"""Best settings, ratios, and the command line."""

import contextlib
import io
import unittest

from peers import options, summary
from peers.results import Result


def result(system, recall, qps, weights="uniform", params=None):
    """A result that only says what the summary looks at."""
    return Result("d", system, weights, params or {}, recall, qps, 1.0, 1.0, 1.0, 1, 1, 100, 4, 10, 10)


class SummaryTest(unittest.TestCase):
    def test_the_fastest_setting_that_reaches_the_recall_counts(self):
        results = [
            result("nearfield-hnsw", 0.98, 900),
            result("nearfield-hnsw", 0.995, 600),
            result("nearfield-hnsw", 1.0, 100),
            result("nearfield-hnsw", 1.0, 9_000, params={"filter": {}}),
            result("hnswlib", 0.99, 300),
            result("annoy", 0.9, 5_000),
            result("faiss-flat", 1.0, 50),
        ]
        found = {ratio.against: ratio for ratio in summary.ratios(results)}
        self.assertEqual((found["best library"].ratio, found["best library"].peer), (2.0, "hnswlib"))
        self.assertEqual(found["faiss-flat, one query at a time"].ratio, 12.0)

    def test_what_never_gets_there_is_said(self):
        results = [
            result("nearfield-exact", 1.0, 10, "sparse"),
            result("hnswlib-overfetch", 0.7, 99, "sparse"),
        ]
        (ratio,) = summary.ratios(results)
        self.assertEqual((ratio.ratio, ratio.why_not), (None, "the peers reach 0.700 only"))


class OptionsTest(unittest.TestCase):
    def parse(self, *arguments):
        return options.parse([*arguments, "--cache", "c", "--nearfield", "n", "--runner", "r"])

    def test_wrong_arguments_end_with_2(self):
        for arguments in (
            ["--n", "5"],
            ["--only", "milvus"],
            ["--datasets", ""],
            ["--tracks", "nowhere.csv"],
            ["x"],
        ):
            with (
                self.subTest(arguments),
                contextlib.redirect_stderr(io.StringIO()),
                self.assertRaises(SystemExit) as ended,
            ):
                self.parse(*arguments)
            self.assertEqual(ended.exception.code, 2)

    def test_groups_and_quick(self):
        self.assertEqual(
            self.parse("--only", "faiss,nearfield-auto").systems,
            ("nearfield-auto", "faiss-hnsw", "faiss-flat"),
        )
        quick = self.parse("--quick")
        self.assertEqual((quick.datasets, quick.n, quick.queries), (("bootstrap",), 200_000, 500))


if __name__ == "__main__":
    unittest.main()
