"""The rule of recall against the formula written out."""

import unittest

import numpy as np

from peers import families, numpy_scan, truth

DIMS = (1, 2, 1)


def score(q, x, w, anchor):
    """The formula, one pair at a time."""
    product = anchor + sum(w * q * x)
    return product / (np.sqrt(anchor + sum(w * q * q)) * np.sqrt(anchor + sum(w * x * x)))


class TruthTest(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        vectors = rng.standard_normal((300, 4)).astype(np.float32)
        vectors[150:160] = vectors[:10]  # exact ties
        self.space = truth.Space(vectors, DIMS, 0.5)
        self.queries = rng.standard_normal((7, 4)).astype(np.float32)
        self.weights = rng.random((7, 3))
        dims = self.space.by_dimension(self.weights)
        self.scores = np.array(
            [
                [score(q.astype(float), x.astype(float), w, 0.5) for x in vectors]
                for q, w in zip(self.queries, dims, strict=True)
            ]
        )

    def test_thresholds_are_those_of_the_formula(self):
        kth, possible = truth.thresholds(self.space, self.queries, self.weights, 10)
        np.testing.assert_allclose(kth, np.sort(self.scores, axis=1)[:, -10], atol=1e-12)
        self.assertEqual(set(possible), {10})

    def test_recall_is_tie_aware_and_counts_an_id_once(self):
        found = truth.thresholds(self.space, self.queries, self.weights, 10)
        best = np.argsort(-self.scores, axis=1)[:, :10]
        recall = lambda ids: truth.recall(self.space, self.queries, self.weights, ids, found)  # noqa: E731
        self.assertEqual(recall(best), 1.0)
        twins = np.where(best < 10, best + 150, np.where((best >= 150) & (best < 160), best - 150, best))
        self.assertEqual(recall(twins), 1.0)
        self.assertAlmostEqual(recall(np.repeat(best[:, :1], 10, axis=1)), 0.1)
        self.assertEqual(recall(np.full((7, 10), -1)), 0.0)

    def test_a_filter_may_leave_fewer_than_k(self):
        mask = np.zeros(300, dtype=bool)
        mask[[3, 50, 200]] = True
        found = truth.thresholds(self.space, self.queries, self.weights, 10, lambda _: mask)
        self.assertEqual(set(found[1]), {3})
        answer = np.tile([200, 3, 50, -1, -1, -1, -1, -1, -1, -1], (7, 1))
        recall = lambda ids: truth.recall(self.space, self.queries, self.weights, ids, found, lambda _: mask)  # noqa: E731
        self.assertEqual(recall(answer), 1.0)
        answer[:, 0] = np.argmax(self.scores, axis=1)
        self.assertLess(recall(answer), 1.0)

    def test_the_scans_of_numpy_find_the_truth(self):
        found = truth.thresholds(self.space, self.queries, self.weights, 10)
        scanned = numpy_scan.search(self.space, self.queries, self.weights, 10).ids
        everything = np.tile(np.arange(300), (7, 1))
        ranked, _ = numpy_scan.rerank(self.space, self.queries, self.weights, everything, 10)
        for ids in (scanned, ranked):
            self.assertEqual(truth.recall(self.space, self.queries, self.weights, ids, found), 1.0)


class FamiliesTest(unittest.TestCase):
    def test_only_the_first_features_have_weights(self):
        for family in families.FAMILIES:
            weights = families.draw(family, 20, 11, 9, seed=3)
            self.assertFalse(weights[:, 9:].any(), family)
            self.assertTrue((weights.sum(axis=1) > 0).all(), family)
        self.assertEqual(set(families.draw("sparse", 20, 11, 9, seed=3).sum(axis=1)), {3.0})


if __name__ == "__main__":
    unittest.main()
