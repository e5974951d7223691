"""Tests of the checkers: they must pass on right answers and fail on each kind of wrong one.

A fake server answers from the reference; each test breaks it in one way.
"""

import contextlib
import csv
import io
import os
import tempfile
import unittest

import numpy as np

import check_batch
import check_collapse
import check_errors
import check_similar
import check_vectors
import make_catalogue
import reference as ref
from fake_server import FakeServer


class Checkers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.csv = os.path.join(cls.folder.name, "made.csv")
        with open(cls.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, make_catalogue.COLUMNS)
            writer.writeheader()
            writer.writerows(make_catalogue.make_rows(1500, 7))
        cls.catalogue = ref.load_catalogue(cls.csv)

    def run_quietly(self, check, *args) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = check(*args)
        last = out.getvalue().strip().splitlines()[-1]
        self.assertRegex(last, r"^\d+ passed, \d+ failed$")
        self.assertEqual(code != 0, not last.endswith(" 0 failed"))
        return code, out.getvalue()

    def similar(self, n: int = 60, with_recall: bool = False, **broken) -> tuple[int, str]:
        with FakeServer(self.catalogue, **broken) as server:
            return self.run_quietly(check_similar.run, self.csv, server.url, n, 1, with_recall)

    def assert_caught(self, words: str, n: int = 60, **broken):
        code, out = self.similar(n, **broken)
        self.assertEqual(code, 1, "not noticed")
        self.assertIn(words, out)

    # ----------------------------------------------------------------------------------- check_collapse

    def collapse(self, sabotage=None) -> tuple[int, str]:
        with FakeServer(self.catalogue, sabotage=sabotage) as server:
            return self.run_quietly(check_collapse.run, self.csv, server.url, 60, 1)

    def test_collapsed_answers_pass(self):
        code, out = self.collapse()
        self.assertEqual(code, 0, out)

    def test_uncollapsed_answers_are_noticed(self):
        def sabotage(body, answer):
            for item in answer.get("results", []):
                item["collapsed"] = []

        self.assert_noticed_by_collapse(sabotage, "are its other recordings")

    def test_recordings_of_seeds_are_asked_for(self):
        def sabotage(body, answer):
            answer["collapsed_into_seeds"] = []

        self.assert_noticed_by_collapse(sabotage, "not the seeds' other recordings")

    def test_a_recording_left_out_is_noticed(self):
        def sabotage(body, answer):
            answer["results"] = answer.get("results", [])[1:]
            for rank, item in enumerate(answer["results"], start=1):
                item["rank"] = rank

        self.assert_noticed_by_collapse(sabotage, "are due")

    def assert_noticed_by_collapse(self, sabotage, words: str):
        code, out = self.collapse(sabotage)
        self.assertEqual(code, 1, "not noticed")
        self.assertIn(words, out)

    # ------------------------------------------------------------------------------------ check_similar

    def test_right_answers_pass(self):
        code, out = self.similar(300)
        self.assertEqual(code, 0, out)
        self.assertIn("300 passed, 0 failed", out)

    def test_right_answers_have_full_recall(self):
        code, out = self.similar(10, with_recall=True)
        self.assertEqual(code, 0, out)
        self.assertIn("playlist", out)

    def test_the_requests_use_everything(self):
        maker = check_similar.RequestMaker(self.catalogue, np.random.default_rng(1))
        bodies = [maker.request() for _ in range(400)]
        for name in ("seeds", "negative_seeds", "negative_weight", "targets", "weights", "base_weights", "anchor"):
            self.assertTrue(any(name in body for body in bodies), name)
        kinds = {kind for body in bodies for kind in body.get("filters", {})}
        self.assertEqual(
            kinds,
            {"genres", "artists", "exclude_artists", "exclude_ids", "explicit", "year", "popularity", "features"},
        )
        self.assertEqual({body.get("base_weights") for body in bodies}, {None, *ref.PROFILES})
        self.assertTrue(any(body.get("anchor") == 0 for body in bodies))
        self.assertTrue(any(0 in body.get("weights", {}).values() for body in bodies))
        counts = [int(ref.eligible(self.catalogue, body).sum()) for body in bodies if "filters" in body]
        self.assertTrue(any(count == 0 for count in counts))
        self.assertGreater(sum(count > 50 for count in counts), len(counts) / 4)

    def test_a_wrong_score_is_caught(self):
        def sabotage(_, answer):
            if answer["results"]:
                answer["results"][0]["similarity"] = min(1.0, answer["results"][0]["similarity"]) - 3e-4

        self.assert_caught("the reference", sabotage=sabotage)

    def test_a_seed_in_the_answer_is_caught(self):
        def sabotage(body, answer):
            if body.get("seeds") and answer["results"]:
                answer["results"][-1]["id"] = body["seeds"][0]

        self.assert_caught("the seed or negative seed", sabotage=sabotage)

    def test_a_negative_seed_in_the_answer_is_caught(self):
        def sabotage(body, answer):
            if body.get("negative_seeds") and answer["results"]:
                answer["results"][-1]["id"] = body["negative_seeds"][-1]

        self.assert_caught("the seed or negative seed", sabotage=sabotage)

    def test_a_violated_filter_is_caught(self):
        everyone = np.ones(len(self.catalogue), dtype=bool)
        self.assert_caught("violates the filters", pick=lambda s, mask, k: ref.best(s, everyone, k))

    def test_a_missed_track_is_caught(self):
        self.assert_caught("the best possible is", pick=lambda s, mask, k: ref.best(s, mask, k + 1)[1:])

    def test_too_few_results_are_caught(self):
        self.assert_caught("results, ", pick=lambda s, mask, k: ref.best(s, mask, k)[: max(0, k - 1)])

    def test_ties_out_of_order_are_caught(self):
        def pick(s, mask, k):  # the later id first
            rows = np.flatnonzero(mask)
            return rows[np.lexsort((-rows, -s[rows]))][:k]

        self.assert_caught("exact ties", n=100, pick=pick)

    def test_contributions_that_do_not_add_up_are_caught(self):
        def sabotage(_, answer):
            for item in answer["results"]:
                if "explanation" in item:
                    item["explanation"]["contributions"]["anchor"] += 2e-5

        self.assert_caught("contributions sum to", sabotage=sabotage)

    def test_contributions_of_another_rule_are_caught(self):
        def sabotage(_, answer):
            for item in answer["results"]:
                if "explanation" in item:
                    parts = item["explanation"]["contributions"]
                    parts["energy"], parts["valence"] = parts["energy"] + 0.01, parts["valence"] - 0.01

        self.assert_caught("energy contributes", sabotage=sabotage)

    def test_a_missing_explanation_is_caught(self):
        def sabotage(_, answer):
            for item in answer["results"]:
                item.pop("explanation", None)

        self.assert_caught("no explanation.contributions", sabotage=sabotage)

    def test_a_missing_warning_is_caught(self):
        self.assert_caught("no `warnings`", sabotage=lambda _, answer: answer.pop("warnings", None))

    def test_another_engine_is_caught(self):
        self.assert_caught("answered", sabotage=lambda _, answer: answer.update(engine="hnsw"))

    def test_a_wrong_shape_is_caught(self):
        self.assert_caught("has no id", sabotage=lambda _, answer: [item.pop("id") for item in answer["results"]])
        self.assert_caught("no list", sabotage=lambda _, answer: answer.pop("results"))

    def test_low_recall_is_caught(self):
        def sabotage(body, answer):  # the graph loses its best result
            if body["engine"] == "hnsw" and body["k"] == 10:
                best = ref.best(*self.everything(body), 11)[1:]
                answer["results"] = [
                    {"rank": i + 1, "id": self.catalogue.ids[row], "similarity": float(self.everything(body)[0][row])}
                    for i, row in enumerate(best)
                ]

        code, out = self.similar(5, with_recall=True, sabotage=sabotage)
        self.assertEqual(code, 1)
        for row in ("uniform", "random", "exponential"):
            self.assertIn(f"FAILED hnsw under {row} weights", out)
        self.assertNotIn("FAILED exact", out)
        self.assertNotIn("FAILED hnsw under sparse", out)  # no floor there

    def everything(self, body):
        query = ref.build_query(self.catalogue, body)
        return ref.scores(self.catalogue, query), ref.eligible(self.catalogue, body)

    def test_no_server_is_a_failure(self):
        code, out = self.run_quietly(check_similar.run, self.csv, "http://127.0.0.1:9", 1, 1)
        self.assertEqual(code, 1)
        self.assertIn("the connection", out)

    # -------------------------------------------------------------------------------------- check_batch

    def batch(self, n: int = 120, **broken) -> tuple[int, str]:
        with FakeServer(self.catalogue, **broken) as server:
            return self.run_quietly(check_batch.run, self.csv, server.url, n, 1)

    def test_right_batches_pass(self):
        code, out = self.batch()
        self.assertEqual(code, 0, out)

    def test_wrong_batches_are_caught(self):
        def answers(results):
            return [entry["answer"] for entry in results if "answer" in entry]

        def problems(results):
            return [entry["problem"] for entry in results if "problem" in entry]

        for words, spoil_batch in (
            ("results are due", lambda results: results.pop()),
            ("alone it has status", lambda results: results.reverse()),
            ("not that of the query alone", lambda results: [answer.update(plan=1) for answer in answers(results)]),
            ("in one batch", lambda results: [answer.update(generation="old") for answer in answers(results)]),
            ("code 'x'", lambda results: [problem.update(code="x") for problem in problems(results)]),
            ("due is requests[", lambda results: [problem.update(field="k") for problem in problems(results)]),
        ):
            code, out = self.batch(spoil_batch=spoil_batch)
            self.assertEqual(code, 1, words)
            self.assertIn(words, out)
        code, out = self.batch(pick=lambda s, mask, k: ref.best(s, mask, k + 1)[1:])
        self.assertEqual(code, 1)
        self.assertIn("the best possible is", out)

    # ------------------------------------------------------------------------------------- check_errors

    def errors(self, problem=None, sabotage=None) -> tuple[int, str]:
        with FakeServer(self.catalogue, problem=problem, sabotage=sabotage) as server:
            return self.run_quietly(check_errors.run, server.url)

    def test_right_refusals_pass(self):
        code, out = self.errors()
        self.assertEqual(code, 0, out)

    def test_wrong_refusals_are_caught(self):
        for words, problem in (
            ("status 500", lambda document: document.update(status=500)),
            ("member 'code'", lambda document: document.pop("code")),
            ("member 'type'", lambda document: document.update(type=3)),
            ("is named in field or detail", lambda document: document.update(field=None, detail="no")),
        ):
            code, out = self.errors(problem=problem)
            self.assertEqual(code, 1, words)
            self.assertIn(words, out)

    def test_a_word_is_not_named_by_chance(self):
        self.assertTrue(check_errors.named_in("k", "`k` must be at least 1"))
        self.assertFalse(check_errors.named_in("k", "unknown"))
        self.assertTrue(check_errors.named_in("energy", "weights.energy"))

    # ------------------------------------------------------------------------------------ check_vectors

    def vectors(self, vectors: np.ndarray, ids: list[str]) -> tuple[int, str]:
        at = os.path.join(self.folder.name, "v.npy"), os.path.join(self.folder.name, "ids.txt")
        np.save(at[0], vectors)
        with open(at[1], "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{track_id}\n" for track_id in ids)
        return self.run_quietly(check_vectors.run, self.csv, *at)

    def test_right_vectors_pass(self):
        code, out = self.vectors(self.catalogue.vectors.astype("<f4"), self.catalogue.ids)
        self.assertEqual(code, 0, out)

    def test_wrong_vectors_are_caught(self):
        right = self.catalogue.vectors.astype("<f4")
        one_off = right.copy()
        one_off[17, 9] += 1e-3
        for words, vectors, ids in (
            ("dimensions of key", one_off, self.catalogue.ids),
            ("shape and type", right[:, :15], self.catalogue.ids),
            ("shape and type", self.catalogue.vectors, self.catalogue.ids),
            ("the first difference is at line 1", right, self.catalogue.ids[::-1]),
            ("the first difference is at line 1500", right, self.catalogue.ids[:-1]),
        ):
            code, out = self.vectors(vectors, ids)
            self.assertEqual(code, 1, words)
            self.assertIn(words, out)


if __name__ == "__main__":
    unittest.main()
