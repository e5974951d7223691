"""Tests of the reference on cases small enough for pencil and paper. Run: python -m unittest discover tests/oracle"""

import csv
import math
import os
import tempfile
import unittest

import numpy as np

import make_catalogue
import reference as ref

NAN = math.nan


def row(**values: float) -> list[float]:
    """Raw values in the order of FEATURES; what is not given is missing."""
    return [values.get(name, NAN) for name in ref.FEATURES]


def catalogue(rows: dict[str, dict], **lists) -> ref.Catalogue:
    """A catalogue of the given rows; `names`, `artists`, `genres` and `explicit` by id."""
    ids = sorted(rows, key=str.encode)
    return ref.Catalogue(
        ids=ids,
        raw=np.array([ref.clean_values(row(**rows[i])) for i in ids]),
        names=[lists.get("names", {}).get(i, "") for i in ids],
        artists=[lists.get("artists", {}).get(i, []) for i in ids],
        genres=[lists.get("genres", {}).get(i, []) for i in ids],
        explicit=np.array([lists.get("explicit", {}).get(i, -1) for i in ids]),
    )


def four() -> ref.Catalogue:
    """Energies .2 .4 .6 .8: mean .5, variance .05, so coordinates -3z -z z 3z with z = .1 / sqrt(.05) = .4472136."""
    return catalogue({"a": {"energy": 0.2}, "b": {"energy": 0.4}, "c": {"energy": 0.6}, "d": {"energy": 0.8}})


Z = 0.1 / math.sqrt(0.05)
ENERGY = ref.FEATURE_DIMS["energy"].start
ONLY_ENERGY = {"base_weights": "zero", "weights": {"energy": 1}}


class Layout(unittest.TestCase):
    def test_sixteen_dimensions_in_the_documented_order(self):
        self.assertEqual(ref.N_DIMS, 16)
        starts = {name: dims.start for name, dims in ref.FEATURE_DIMS.items()}
        self.assertEqual(
            starts,
            {
                "danceability": 0, "energy": 1, "acousticness": 2, "instrumentalness": 3, "valence": 4,
                "speechiness": 5, "liveness": 6, "loudness": 7, "tempo": 8, "key": 9, "mode": 11,
                "time_signature": 12, "duration_ms": 13, "popularity": 14, "release_year": 15,
            },
        )  # fmt: skip
        self.assertEqual(ref.FEATURE_DIMS["key"], slice(9, 11))


class Cleaning(unittest.TestCase):
    def cleaned(self, **values: float) -> dict[str, float]:
        return dict(zip(ref.FEATURES, ref.clean_values(row(**values))))

    def test_failed_analysis_loses_four_values_and_keeps_the_rest(self):
        out = self.cleaned(danceability=0, speechiness=0, valence=0, tempo=0, energy=0, time_signature=0)
        self.assertTrue(all(math.isnan(out[n]) for n in ("danceability", "speechiness", "valence", "tempo")))
        self.assertEqual((out["energy"], out["time_signature"]), (0, 0))

    def test_three_of_the_four_zeros_are_measurements(self):
        out = self.cleaned(danceability=0, speechiness=0, valence=0, tempo=120)
        self.assertEqual((out["danceability"], out["speechiness"], out["tempo"]), (0, 0, 120))

    def test_outside_the_logarithms_domain_is_missing(self):
        out = self.cleaned(danceability=0.5, tempo=0, duration_ms=0, speechiness=-0.01, liveness=-0.009)
        self.assertTrue(all(math.isnan(out[n]) for n in ("tempo", "duration_ms", "speechiness")))
        self.assertEqual(out["liveness"], -0.009)

    def test_key_minus_one_is_missing_and_odd_numbers_are_kept(self):
        out = self.cleaned(key=-1, time_signature=1, loudness=1.5)
        self.assertTrue(math.isnan(out["key"]))
        self.assertEqual((out["time_signature"], out["loudness"]), (1, 1.5))

    def test_numbers(self):
        for text in ("", None, "NaN", "inf", "-inf", "n/a", "1_0"):
            self.assertTrue(math.isnan(ref.parse_number(text)), text)
        self.assertEqual(ref.parse_number("1.01e-06"), 1.01e-06)
        self.assertEqual([ref.parse_flag(t) for t in ("1", "True", "0", "False", "", None)], [1, 1, 0, 0, -1, -1])


class Transform(unittest.TestCase):
    def test_z_score_with_population_deviation(self):
        np.testing.assert_allclose(four().vectors[:, ENERGY], [-3 * Z, -Z, Z, 3 * Z])

    def test_missing_is_zero_and_not_in_the_statistics(self):
        c = catalogue({"a": {"energy": 0.2}, "b": {}, "c": {"energy": 0.4}})
        np.testing.assert_allclose(c.vectors[:, ENERGY], [-1, 0, 1])

    def test_a_constant_feature_is_zero(self):
        c = catalogue({"a": {"energy": 0.3}, "b": {"energy": 0.3}, "c": {"energy": 0.3}})
        self.assertFalse(c.vectors.any())

    def test_tempo_in_octaves(self):
        c = catalogue({"a": {"tempo": 60}, "b": {"tempo": 240}})
        np.testing.assert_allclose(c.vectors[:, 8], [-1, 1])
        np.testing.assert_allclose(c.statistics.apply("tempo", np.array([120.0, 480.0])), [[0], [2]], atol=1e-12)

    def test_speechiness_logarithm_with_offset(self):
        c = catalogue({"a": {"speechiness": 0.0}, "b": {"speechiness": 0.09}, "c": {"speechiness": 0.99}})
        s = math.sqrt(1.5)  # log10 of .01 .1 1: -2 -1 0, deviation sqrt(2/3)
        np.testing.assert_allclose(c.vectors[:, 5], [-s, 0, s], atol=1e-12)

    def test_key_on_the_circle_of_fifths(self):
        c = catalogue({"a": {"key": 0}, "b": {"key": 6}})  # opposite: (1, 0) and (-1, 0), total variance 1
        np.testing.assert_allclose(c.vectors[:, 9:11], [[1, 0], [-1, 0]], atol=1e-12)
        # G (7) is one fifth from C (0): 30 degrees. Centred: +-(sin^2 15, -sin 15 cos 15), scale sin 15.
        c = catalogue({"a": {"key": 0}, "b": {"key": 7}})
        s, t = math.sin(math.radians(15)), math.cos(math.radians(15))
        np.testing.assert_allclose(c.vectors[:, 9:11], [[s, -t], [-s, t]], atol=1e-12)

    def test_every_feature_has_unit_total_variance_over_what_is_present(self):
        rng = np.random.default_rng(3)
        rows = {f"t{i}": {"key": float(rng.integers(12)), "loudness": float(rng.normal())} for i in range(50)}
        c = catalogue(rows)
        self.assertAlmostEqual(float(c.vectors[:, 9:11].var(axis=0).sum()), 1.0)
        self.assertAlmostEqual(float(c.vectors[:, 7].var()), 1.0)


class Score(unittest.TestCase):
    def test_with_an_anchor_by_hand(self):
        c = four()
        query = ref.build_query(c, {"seeds": ["d"], "anchor": 0.5, **ONLY_ENERGY})
        # q = 3z, q^2 = 1.8, z^2 = .2: (.5 + q x) / (sqrt 2.3 * sqrt(.5 + x^2))
        due = [(0.5 - 1.8) / 2.3, (0.5 - 0.6) / math.sqrt(2.3 * 0.7), (0.5 + 0.6) / math.sqrt(2.3 * 0.7), 1.0]
        np.testing.assert_allclose(ref.scores(c, query), due)
        np.testing.assert_allclose(ref.scores(c, query, np.array([2, 0])), [due[2], due[0]])
        np.testing.assert_allclose(ref.scores_many(c, [query, query])[1], due)

    def test_without_an_anchor_one_feature_gives_signs(self):
        c = four()
        query = ref.build_query(c, {"seeds": ["c"], "anchor": 0, **ONLY_ENERGY})
        np.testing.assert_allclose(ref.scores(c, query), [-1, -1, 1, 1])

    def test_a_track_without_norm_scores_zero(self):
        c = catalogue({"a": {"energy": 0.2}, "b": {"valence": 0.5}, "c": {"energy": 0.4}})
        query = ref.build_query(c, {"seeds": ["a"], "anchor": 0, **ONLY_ENERGY})
        np.testing.assert_allclose(ref.scores(c, query), [1, 0, -1])

    def test_contributions_add_up(self):
        c = four()
        query = ref.build_query(c, {"seeds": ["d"], "anchor": 0.5, **ONLY_ENERGY})
        parts = ref.contributions(c, query, 2)
        self.assertAlmostEqual(parts["anchor"], 0.5 / math.sqrt(2.3 * 0.7))
        self.assertAlmostEqual(parts["energy"], 0.6 / math.sqrt(2.3 * 0.7))
        self.assertAlmostEqual(sum(parts.values()), ref.scores(c, query)[2])

    def test_scaling_weights_and_anchor_changes_nothing(self):
        c = four()
        one = ref.build_query(c, {"seeds": ["d"], "anchor": 0.5, **ONLY_ENERGY})
        ten = ref.build_query(c, {"seeds": ["d"], "anchor": 5, "base_weights": "zero", "weights": {"energy": 10}})
        np.testing.assert_allclose(ref.scores(c, one), ref.scores(c, ten))


class Queries(unittest.TestCase):
    def weights(self, **body) -> dict[str, float]:
        values = ref.request_weights(body)
        return {name: float(v) for name, v in zip(ref.FEATURES, values) if v}

    def test_default_weights_and_overrides(self):
        self.assertEqual(self.weights(seeds=["a"]), dict.fromkeys(ref.CONTINUOUS, 1.0))
        got = self.weights(seeds=["a"], weights={"energy": 0, "key": 3})
        self.assertEqual(got["key"], 3)
        self.assertNotIn("energy", got)
        self.assertEqual(self.weights(seeds=["a"], base_weights="zero", weights={"key": 3}), {"key": 3})

    def test_profiles(self):
        self.assertEqual(set(self.weights(seeds=["a"], base_weights="dj")), {"tempo", "key", "energy", "danceability"})
        self.assertEqual(set(self.weights(seeds=["a"], base_weights="mood")), {"valence", "energy", "acousticness", "mode"})
        self.assertEqual(set(self.weights(seeds=["a"], base_weights="playlist")), set(ref.FEATURES))

    def test_targets_alone_weigh_what_is_named(self):
        self.assertEqual(self.weights(targets={"key": 5}), {"key": 1})
        self.assertEqual(self.weights(targets={"energy": 0.5}, weights={"mode": 2}), {"energy": 1, "mode": 2})
        self.assertEqual(self.weights(targets={"energy": 0.5}, weights={"energy": 0}), {})

    def test_explicit_base_weights_win_over_that(self):
        got = self.weights(targets={"key": 5}, base_weights="default")
        self.assertEqual(got, dict.fromkeys((*ref.CONTINUOUS, "key"), 1.0))
        self.assertEqual(self.weights(targets={"key": 5}, base_weights="zero"), {"key": 1})

    def test_targets_beside_seeds_are_weighted_too(self):
        self.assertEqual(self.weights(seeds=["a"], targets={"key": 5}), dict.fromkeys((*ref.CONTINUOUS, "key"), 1.0))

    def test_seeds_average_over_what_is_present(self):
        c = catalogue({"a": {"energy": 0.2}, "b": {"energy": 0.4}, "c": {"valence": 0.1}, "d": {"valence": 0.3}})
        query = ref.build_query(c, {"seeds": ["a", "c", "d"]})
        self.assertAlmostEqual(query.vector[ENERGY], -1.0)  # of a alone
        self.assertAlmostEqual(query.vector[4], 0.0)  # of c and d
        self.assertEqual([n for n, p in zip(ref.FEATURES, query.present) if p], ["energy", "valence"])
        self.assertIn("tempo", query.missing())
        self.assertNotIn("key", query.missing())

    def test_negatives_are_subtracted_by_their_weight(self):
        c = four()
        query = ref.build_query(c, {"seeds": ["d"], "negative_seeds": ["a", "b"]})
        self.assertAlmostEqual(query.vector[ENERGY], 3 * Z - 0.5 * -2 * Z)
        query = ref.build_query(c, {"seeds": ["d"], "negative_seeds": ["a"], "negative_weight": 0})
        self.assertAlmostEqual(query.vector[ENERGY], 3 * Z)

    def test_a_target_replaces_what_seeds_and_negatives_say(self):
        query = ref.build_query(four(), {"seeds": ["a"], "negative_seeds": ["b"], "targets": {"energy": 0.6}})
        self.assertAlmostEqual(query.vector[ENERGY], Z)

    def test_refusals(self):
        c = catalogue({"a": {"energy": 0.2}, "b": {"energy": 0.4}, "m": {"energy": 0.3}})
        for status, body in (
            (404, {"seeds": ["nobody"]}),
            (404, {"seeds": ["a"], "negative_seeds": ["nobody"]}),
            (400, {}),
            (400, {"negative_seeds": ["a"]}),
            (400, {"seeds": ["a"], "weights": {"enregy": 1}}),
            (400, {"seeds": ["a"], "targets": {"enregy": 1}}),
            (400, {"seeds": ["a"], "base_weights": "disco"}),
            (400, {"seeds": ["a"], "base_weights": "zero"}),
            (400, {"seeds": ["a"], "base_weights": "zero", "weights": {"tempo": 1}}),
        ):
            with self.assertRaises(ref.BadRequest, msg=str(body)) as caught:
                ref.build_query(c, body)
            self.assertEqual(caught.exception.status, status, body)
        # at the mean, a zero norm: refused without an anchor, fine with one
        exact = catalogue({"a": {"energy": -1.0}, "b": {"energy": 1.0}, "m": {"energy": 0.0}})
        with self.assertRaises(ref.BadRequest):
            ref.build_query(exact, {"seeds": ["m"], "anchor": 0})
        ref.build_query(exact, {"seeds": ["m"]})


class Filters(unittest.TestCase):
    def setUp(self):
        self.c = catalogue(
            {
                "a": {"energy": 0.2, "release_year": 1990, "popularity": 10},
                "b": {"energy": 0.4, "release_year": 1999},
                "c": {"energy": 0.6, "tempo": 0.0, "danceability": 0.5},
                "d": {"energy": 0.8, "release_year": 2000, "popularity": 30},
            },
            genres={"a": ["Rock", "Pop"], "b": ["rock"], "d": ["Jazz"]},
            artists={"a": ["Zoë"], "b": ["Ana", "Zoë"], "c": ["Kraft"]},
            explicit={"a": 1, "b": 0},
        )

    def check(self, filters: dict, due: str):
        got = "".join(i for i, ok in zip(self.c.ids, ref.passes(self.c, filters)) if ok)
        self.assertEqual(got, due, filters)

    def test_each_kind(self):
        self.check({}, "abcd")
        self.check({"genres": ["ROCK"]}, "ab")
        self.check({"genres": ["jazz", "pop"]}, "ad")
        self.check({"genres": [], "artists": []}, "abcd")
        self.check({"artists": ["zoË"]}, "ab")
        self.check({"exclude_artists": ["ZOË"]}, "cd")
        self.check({"exclude_ids": ["a", "nobody"]}, "bcd")
        self.check({"explicit": True}, "a")
        self.check({"explicit": False}, "b")
        self.check({"explicit": None}, "abcd")
        self.check({"genres": ["rock"], "explicit": False}, "b")

    def test_bounds_are_inclusive_and_missing_fails(self):
        self.check({"year": {"min": 1990, "max": 1999}}, "ab")
        self.check({"year": {"min": 1999.5}}, "d")
        self.check({"year": {}}, "abcd")
        self.check({"popularity": {"min": 10}}, "ad")
        self.check({"features": {"energy": {"min": 0.4, "max": 0.6}}}, "bc")
        self.check({"features": {"energy": {"max": 0.4}, "release_year": {"min": 1999}}}, "b")
        self.check({"features": {"tempo": {"max": 300}}}, "")  # tempo 0 is missing

    def test_seeds_and_negatives_are_not_eligible(self):
        mask = ref.eligible(self.c, {"seeds": ["a"], "negative_seeds": ["d"], "filters": {"explicit": None}})
        self.assertEqual(mask.tolist(), [False, True, True, False])


class Answers(unittest.TestCase):
    def test_order_is_score_then_rank(self):
        s = np.array([0.5, 0.9, 0.5, 0.5, 0.1])
        everyone = np.ones(5, dtype=bool)
        self.assertEqual(ref.best(s, everyone, 3).tolist(), [1, 0, 2])
        self.assertEqual(ref.best(s, everyone, 9).tolist(), [1, 0, 2, 3, 4])
        self.assertEqual(ref.best(s, np.array([1, 0, 0, 1, 1], bool), 2).tolist(), [0, 3])
        self.assertEqual(ref.best(s, np.zeros(5, bool), 2).tolist(), [])

    def test_recall_counts_ties(self):
        top = np.array([0.9, 0.8, 0.8])
        self.assertEqual(ref.recall(np.array([0.9, 0.8, 0.8]), top), 1.0)
        self.assertEqual(ref.recall(np.array([0.8, 0.8 - 1e-7, 0.8]), top), 1.0)
        self.assertAlmostEqual(ref.recall(np.array([0.9, 0.7, 0.8]), top), 2 / 3)
        self.assertEqual(ref.recall(np.array([]), top), 0.0)

    def test_twins_tie_wherever_there_is_weight(self):
        c = catalogue({"a": {"energy": 0.2, "key": 1}, "b": {"energy": 0.2, "key": 5}, "c": {"energy": 0.4}})
        rows = np.array([0, 1, 2])
        groups = ref.twins(c, ref.build_query(c, {"seeds": ["c"]}), rows)
        self.assertEqual(groups[0], groups[1])
        groups = ref.twins(c, ref.build_query(c, {"seeds": ["c"], "weights": {"key": 1}}), rows)
        self.assertNotEqual(groups[0], groups[1])


class Reading(unittest.TestCase):
    def test_rows_are_ordered_bytewise_merged_and_split(self):
        columns = make_catalogue.COLUMNS
        rows = [
            {"id": "b", "energy": "0.5", "artists": "Ana; Zoë;;Ana", "genre": "Rock|", "explicit": "True"},
            {"id": "", "energy": "0.1"},
            {"id": "é", "energy": ""},
            {"id": "Z", "energy": "NaN", "key": "3"},
            {"id": "b", "valence": "0.25", "genre": "Pop|Rock"},
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.csv")
            with open(path, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)
            c = ref.load_catalogue(path)
        self.assertEqual(c.ids, ["Z", "b", "é"])
        self.assertEqual(c.artists[1], ["Ana", "Zoë"])
        self.assertEqual(c.genres[1], ["Rock", "Pop"])
        self.assertEqual(c.explicit.tolist(), [-1, 1, -1])
        self.assertEqual((c.raw[1, 1], c.raw[1, 4]), (0.5, 0.25))
        self.assertTrue(np.isnan(c.raw[0, 1]))


class MadeCatalogue(unittest.TestCase):
    def test_it_is_as_messy_as_promised_and_reproducible(self):
        rows = make_catalogue.make_rows(3000, 1)
        self.assertEqual(rows, make_catalogue.make_rows(3000, 1))
        self.assertNotEqual(rows, make_catalogue.make_rows(3000, 2))
        ids = [row["id"].strip() for row in rows]
        self.assertEqual(len({i for i in ids if i}), 3000)
        self.assertIn("", ids)
        self.assertGreater(len(ids), 3002)
        for name in make_catalogue.COLUMNS[1:]:
            self.assertTrue(any(row[name] == "" for row in rows), f"no missing {name}")
        for name, text in (("key", "-1"), ("tempo", "0"), ("time_signature", "1"), ("time_signature", "0")):
            self.assertTrue(any(row[name] == text for row in rows), f"no {name} {text}")
        self.assertTrue(any(row["danceability"] == row["valence"] == row["tempo"] == "0.0" for row in rows))
        self.assertTrue(any(not row["id"].isascii() for row in rows))


class Artists(unittest.TestCase):
    def test_names_are_separated_by_semicolons_else_by_commas(self):
        for text, expected in [
            ("A;B, C", ["A", "B, C"]),
            ("A, B", ["A", "B"]),
            ("10,000 Maniacs, Sammy Davis, Jr., B", ["10,000 Maniacs", "Sammy Davis, Jr.", "B"]),
            ("Earth, Wind & Fire, B", ["Earth, Wind & Fire", "B"]),
            ("A, the Band", ["A, the Band"]),
            ("", []),
            (None, []),
        ]:
            self.assertEqual(ref.split_artists(text), expected, text)


class Recordings(unittest.TestCase):
    def test_titles_and_vectors_join_transitively(self):
        same = {name: 0.5 for name in ref.FEATURES if ref.DEFAULT_WEIGHTS[name] > 0}
        c = catalogue(
            {"a": {"energy": 0.1}, "b": {"energy": 0.2}, "c": same, "d": same | {"popularity": 3}, "e": {"energy": 0.1}},
            names={"a": "One", "b": "one", "c": "ONE", "e": "One"},
            artists={"a": ["X"], "b": ["x", "Y"], "c": ["X"], "e": ["Z"]},
        )
        self.assertEqual(ref.recordings(c).tolist(), [0, 0, 0, 0, 4])


if __name__ == "__main__":
    unittest.main()
