use proptest::prelude::*;

use super::*;
use crate::demo;
use crate::track::ItemIdx;

type Index = search::OwnedTitleIndex;

fn parts<'a>(tracks: impl IntoIterator<Item = (&'a str, &'a [&'a str])>) -> (TitleParts, u32) {
    let mut builder = TitleIndexBuilder::new();
    let mut n_items = 0;
    for (name, artists) in tracks {
        let artists: Vec<String> = artists.iter().map(|&artist| artist.to_owned()).collect();
        builder.add(ItemIdx(n_items), Some(name), &artists);
        n_items += 1;
    }
    (builder.finish(), n_items)
}

const TRACKS: &[(&str, &[&str])] = &[
    ("Heroes", &["David Bowie"]),
    ("Heroes and Villains", &["The Beach Boys"]),
    ("Bowie", &["Flight of the Conchords"]),
    ("Halo", &["Beyoncé"]),
    ("Don't Stop Believin'", &["Journey"]),
    ("Thunderstruck", &["AC/DC"]),
    ("東京の雨", &["山田 花子"]),
    ("밤바다", &["여수"]),
    ("Белая ночь", &["Виктор Салтыков"]),
    ("Dancing Queen", &["ABBA"]),
    ("Space Oddity", &["David Bowie"]),
    ("???", &["Question Mark"]),
    ("Déjà l'été", &["Zoë Sørland"]),
    ("Nothing Else Matters", &["Metallica"]),
    ("Quelqu’un m’a dit", &["Carla Bruni"]),
    ("1999", &["Prince"]),
    ("1998", &["Binary Finary"]),
    ("It's Tricky", &["Run-D.M.C."]),
];

fn found(query: &str) -> Vec<&'static str> {
    let index = Index::try_from(parts(TRACKS.iter().copied())).unwrap();
    index.search(query, 10, |_| 0.0).into_iter().map(|hit| TRACKS[hit.item.as_usize()].0).collect()
}

#[test]
fn queries_find_what_people_mean() {
    for (query, expected) in [
        ("heroes", vec!["Heroes", "Heroes and Villains"]),
        ("bowie heroes", vec!["Heroes"]),
        ("heroes david bowie", vec!["Heroes"]),
        ("hero", vec!["Heroes", "Heroes and Villains"]),
        ("david bow", vec!["Heroes", "Space Oddity"]),
        ("bowie", vec!["Bowie", "Heroes", "Space Oddity"]),
        ("BEYONCE", vec!["Halo"]),
        ("beyoncé", vec!["Halo"]),
        ("beyonse", vec!["Halo"]),
        ("ebyonce", vec!["Halo"]),
        ("ceyonce halo", vec!["Halo"]),
        ("dont stop", vec!["Don't Stop Believin'"]),
        ("don’t stop", vec!["Don't Stop Believin'"]),
        ("don t stop", vec!["Don't Stop Believin'"]),
        ("acdc", vec!["Thunderstruck"]),
        ("ac/dc thunder", vec!["Thunderstruck"]),
        ("dmc tricky", vec!["It's Tricky"]),
        ("雨", vec!["東京の雨"]),
        ("京の", vec!["東京の雨"]),
        ("東京 花子", vec!["東京の雨"]),
        ("밤바", vec!["밤바다"]),
        ("바다", vec![]),
        ("белая", vec!["Белая ночь"]),
        ("БЕЛЯА НОЧЬ", vec!["Белая ночь"]),
        ("???", vec!["???"]),
        ("deja ete", vec!["Déjà l'été"]),
        ("sorland", vec!["Déjà l'été"]),
        ("metalica", vec!["Nothing Else Matters"]),
        ("mettalic", vec!["Nothing Else Matters"]),
        ("noting else maters", vec!["Nothing Else Matters"]),
        ("quelqu'un", vec!["Quelqu’un m’a dit"]),
        ("1999", vec!["1999"]),
        ("queen abba nonsense", vec!["Dancing Queen"]),
        ("", vec![]),
        (" \t", vec![]),
        ("zzzzzz", vec![]),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

#[test]
fn equals_are_ordered_by_popularity_then_item() {
    let same = [("Song", ["A"].as_slice()); 6];
    let index = Index::try_from(parts(same)).unwrap();
    let popularity = [10.0, f64::NAN, 50.0, 10.0, f64::NAN, 70.0];
    let items = |limit| -> Vec<u32> {
        index.search("song", limit, |item| popularity[item.as_usize()]).iter().map(|hit| hit.item.0).collect()
    };
    assert_eq!(items(10), [5, 2, 0, 3, 1, 4]);
    assert_eq!(items(3), [5, 2, 0]);
    assert!(items(0).is_empty());
}

#[test]
fn what_matches_does_not_depend_on_the_limit() {
    let titles = [("Part", 30), ("Parts", 4), ("Port", 25), ("Rare", 7), ("Rate", 60)];
    let tracks = titles.into_iter().flat_map(|(title, n)| (0..n).map(move |_| (title, ["A"].as_slice())));
    let index = Index::try_from(parts(tracks)).unwrap();
    // 34 as written are many enough, 7 are not.
    for (query, n_matching) in [("part", 34), ("parts", 34), ("rare", 67), ("rate", 60)] {
        let all = index.matches(query, 1_000, |_| 0.0, |_| true);
        assert_eq!(all.n_matching, n_matching, "{query}");
        for limit in [1, 5, 19, 20, 21, 50, 100] {
            let found = index.matches(query, limit, |_| 0.0, |_| true);
            assert_eq!(found.n_matching, all.n_matching, "{query} {limit}");
            assert_eq!(found.hits, all.hits[..limit.min(n_matching)], "{query} {limit}");
        }
    }
}

#[test]
fn scores_tell_how_the_words_matched() {
    let index = Index::try_from(parts(TRACKS.iter().copied())).unwrap();
    for (query, range) in [("heroes", 2.0..3.0), ("dansing qeen", 1.0..2.0), ("queen nonsense", 0.0..1.0)] {
        let hits = index.search(query, 1, |_| 0.0);
        assert!(range.contains(&hits[0].score), "{query}: {hits:?}");
    }
}

#[test]
fn an_empty_index_answers_nothing() {
    let index = Index::try_from(parts([])).unwrap();
    assert!(index.search("a", 10, |_| 0.0).is_empty());
}

#[test]
#[should_panic(expected = "ascending order")]
fn items_out_of_order_are_refused() {
    let mut builder = TitleIndexBuilder::new();
    builder.add(ItemIdx(1), Some("b"), &[]);
    builder.add(ItemIdx(1), Some("a"), &[]);
}

fn demo_index(n: usize) -> (Vec<(String, Vec<String>)>, Index, TitleParts) {
    let tracks: Vec<(String, Vec<String>)> =
        demo::catalogue(n, 3).map(|track| (track.name.unwrap_or_default(), track.artists)).collect();
    let mut builder = TitleIndexBuilder::new();
    for ((name, artists), item) in tracks.iter().zip(0..) {
        builder.add(ItemIdx(item), Some(name), artists);
    }
    let parts = builder.finish();
    let index = Index::try_from((parts.clone(), n as u32)).unwrap();
    (tracks, index, parts)
}

#[test]
fn every_track_is_found_by_its_title_and_artist() {
    let (tracks, index, _) = demo_index(3_000);
    for (item, (name, artists)) in tracks.iter().enumerate() {
        for query in [format!("{name} {}", artists[0]), format!("{} {name}", artists[0])] {
            let hits = index.search(&query, 20, |_| 0.0);
            let found = hits.iter().any(|hit| hit.item.as_usize() == item);
            assert!(found, "{query:?} does not find {item}, but {hits:?}");
            assert!(hits[0].score > 2.0);
        }
    }
}

#[test]
fn one_edit_in_a_long_word_is_forgiven() {
    let (tracks, index, _) = demo_index(1_000);
    let mut n_tried = 0;
    for (item, (name, artists)) in tracks.iter().enumerate() {
        let words = normalise::query_words(&format!("{name} {}", artists[0]));
        let Some(at) = words.iter().position(|word| word.chars().count() >= 6) else {
            continue;
        };
        let letters: Vec<char> = words[at].chars().collect();
        let k = item % letters.len();
        let (mut dropped, mut replaced, mut added) = (letters.clone(), letters.clone(), letters);
        dropped.remove(k);
        replaced[k] = 'q';
        added.insert(k, 'q');
        for misspelt in [dropped, replaced, added] {
            let mut words = words.clone();
            words[at] = misspelt.into_iter().collect();
            let query = words.join(" ");
            let found = index.search(&query, 20, |_| 0.0).iter().any(|hit| hit.item.as_usize() == item);
            assert!(found, "{query:?} does not find {:?}", tracks[item]);
            n_tried += 1;
        }
    }
    assert!(n_tried > 2_000, "{n_tried}");
}

#[test]
fn the_same_tracks_give_the_same_bytes() {
    assert_eq!(demo_index(500).2, demo_index(500).2);
}

#[test]
fn wrong_structure_is_refused_with_the_reason() {
    let (good, n) = parts(TRACKS.iter().copied());
    let reason = |change: &dyn Fn(&mut TitleParts)| {
        let mut parts = good.clone();
        change(&mut parts);
        let mut text = String::new();
        if let Err(error) = Index::try_from((parts, n)) {
            let mut next: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = next {
                text = format!("{text}: {error}");
                next = error.source();
            }
        }
        text
    };
    assert!(reason(&|p| p.terms.truncate(20)).contains("dictionary"));
    assert!(reason(&|p| p.terms[30] ^= 1).contains("checksum"));
    assert!(reason(&|p| p.offsets.push(0)).contains("offsets are expected"));
    assert!(reason(&|p| p.offsets[0] = 1).contains("offset 0"));
    assert!(reason(&|p| p.offsets[3] = u64::MAX).contains("offset 4"));
    assert!(reason(&|p| p.postings.push(0)).contains("postings"));
    assert!(reason(&|p| p.fields.push(0)).contains("fields"));
    assert_eq!(reason(&|_| ()), "");
}

/// The checksum at the end of an `fst`: masked CRC32C (Castagnoli) of all before.
fn forge_checksum(fst: &mut [u8]) {
    let end = fst.len() - 4;
    let mut crc = !0_u32;
    for &byte in &fst[..end] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    let masked = (!crc).rotate_right(15).wrapping_add(0xa282_ead8);
    fst[end..].copy_from_slice(&masked.to_le_bytes());
}

#[test]
fn checksums_are_forged_as_fst_makes_them() {
    let (good, _) = parts(TRACKS.iter().copied());
    let mut forged = good.terms.clone();
    forge_checksum(&mut forged);
    assert_eq!(forged, good.terms);
}

fn change(section: &mut [u8], changes: &[(usize, u8)]) {
    for &(at, byte) in changes {
        if !section.is_empty() {
            let at = at % section.len();
            section[at] = byte;
        }
    }
}

proptest! {
    #[test]
    fn any_query_is_answered_and_always_the_same(query in "\\PC{0,30}|[a-e' ]{0,60}|[a-z]{1,12} [a-z]{1,12}") {
        let index = Index::try_from(parts(TRACKS.iter().copied())).unwrap();
        let hits = index.search(&query, 5, |item| f64::from(item.0 % 3));
        prop_assert!(hits.len() <= 5);
        prop_assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        prop_assert!(hits.iter().all(|hit| hit.score > 0.0 && hit.score < 3.0), "{:?}", hits);
        prop_assert_eq!(hits, index.search(&query, 5, |item| f64::from(item.0 % 3)));
    }

    #[test]
    fn damaged_sections_give_an_error_or_an_answer(
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        section in 0..5_usize,
        n_items in 0..20_u32,
        query in "[a-z]{1,9}|don t stop|metalica nohting",
    ) {
        let (mut parts, _) = parts(TRACKS.iter().copied());
        match section {
            0 => change(&mut parts.terms, &changes),
            1 => {
                // The worst case: the checksum was made to fit.
                change(&mut parts.terms, &changes);
                forge_checksum(&mut parts.terms);
            }
            2 => change(bytemuck::cast_slice_mut(&mut parts.offsets), &changes),
            3 => change(bytemuck::cast_slice_mut(&mut parts.postings), &changes),
            _ => change(&mut parts.fields, &changes),
        }
        if let Ok(index) = Index::try_from((parts, n_items)) {
            let hits = index.search(&query, 10, |_| 0.0);
            prop_assert!(hits.iter().all(|hit| hit.item.0 < n_items));
        }
    }
}
