//! Generations written by earlier versions stay readable, and docs/format.md says what is in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nearfield::artifact::{FORMAT_VERSION, Manifest, OLDEST_FORMAT_VERSION, SnapshotDir};
use nearfield::query::{SimilarRequest, similar};
use nearfield::snapshot::Snapshot;
use nearfield::track::ItemIdx;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn directory(version: u32) -> PathBuf {
    SnapshotDir::new(&golden(), &format!("v{version}")).unwrap().resolve(None).unwrap()
}

#[test]
fn a_generation_of_every_supported_version_opens_verifies_and_answers() {
    for version in OLDEST_FORMAT_VERSION..=FORMAT_VERSION {
        let snapshot = Snapshot::open_directory(&directory(version)).unwrap();
        snapshot.verify(|_| {}).unwrap();
        let id = |item| snapshot.items().id(ItemIdx(item)).into_owned();
        for engine in ["exact", "hnsw", "forest"] {
            let request = SimilarRequest {
                seeds: vec![id(0)],
                engine: engine.into(),
                k: 5,
                ..SimilarRequest::default()
            };
            let answer = similar(&snapshot, &request).unwrap();
            let found: Vec<String> = answer
                .results
                .iter()
                .map(|result| format!("{} {:.6}", result.id, result.similarity))
                .collect();
            let expected = fs::read_to_string(golden().join(format!("v{version}.expected"))).unwrap();
            assert_eq!(found, expected.lines().collect::<Vec<_>>(), "version {version}, {engine}");
        }
    }
}

/// Reads a file the way docs/format.md describes it, without the library: its kind and its sections
/// (id, element bytes, offset, elements).
pub fn by_the_document(bytes: &[u8]) -> (u32, Vec<(u32, u32, u64, u64)>) {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(&bytes[..8], b"NEARFLD\0");
    assert_eq!(u32_at(8), FORMAT_VERSION);
    assert_eq!(u64_at(24), bytes.len() as u64);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..32]);
    hasher.update(&bytes[64..576]);
    assert_eq!(*hasher.finalize().as_bytes(), bytes[32..64]);
    let sections = (0..u32_at(16) as usize).map(|number| {
        let entry = 64 + 32 * number;
        (u32_at(entry), u32_at(entry + 4), u64_at(entry + 8), u64_at(entry + 16))
    });
    (u32_at(12), sections.collect())
}

#[test]
fn the_document_lists_exactly_the_sections_there_are() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/format.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        let [_, file, kind, section, element, ..] = &cells[..] else { return None };
        let bytes = match element.as_str() {
            "u8" => 1,
            "u32" | "f32" => 4,
            "u64" | "f64" => 8,
            _ => return None,
        };
        Some((file.clone(), kind.parse::<u32>().ok()?, section.parse::<u32>().ok()?, bytes))
    };
    let documented: BTreeSet<_> = text.lines().filter_map(row).collect();
    let directory = directory(FORMAT_VERSION);
    let manifest = Manifest::read(&directory).unwrap();
    let mut found = BTreeSet::new();
    for name in manifest.files.keys() {
        assert!(text.contains(name.as_str()), "{name} is not in docs/format.md");
        if name.ends_with(".nf") {
            let (kind, sections) = by_the_document(&fs::read(directory.join(name)).unwrap());
            for (id, element_bytes, offset, _) in sections {
                assert_eq!(offset % 64, 0);
                found.insert((name.clone(), kind, id, element_bytes));
            }
        }
    }
    assert_eq!(found, documented);
}

#[test]
fn an_id_and_a_vector_are_where_the_document_says() {
    let directory = directory(FORMAT_VERSION);
    let snapshot = Snapshot::open_directory(&directory).unwrap();
    let n_items = snapshot.items().len();
    let items = fs::read(directory.join("items.nf")).unwrap();
    let (_, sections) = by_the_document(&items);
    let section = |id: u32| {
        let (_, bytes, offset, n) = sections.iter().find(|section| section.0 == id).unwrap();
        &items[*offset as usize..(*offset + u64::from(*bytes) * n) as usize]
    };
    let offset =
        |item: usize| u64::from_le_bytes(section(1)[8 * item..8 * item + 8].try_into().unwrap()) as usize;
    for item in 0..n_items {
        let id = std::str::from_utf8(&section(2)[offset(item)..offset(item + 1)]).unwrap();
        assert_eq!(id, snapshot.items().id(ItemIdx(item as u32)));
    }
    let file = fs::read(directory.join("vectors.nf")).unwrap();
    let at = |bytes: &[u8], id: u32, index: usize| {
        let (_, sections) = by_the_document(bytes);
        let (_, element, offset, _) = *sections.iter().find(|section| section.0 == id).unwrap();
        let from = offset as usize + index * element as usize;
        bytes[from..from + element as usize].to_vec()
    };
    let u32_at = |id, index| u32::from_le_bytes(at(&file, id, index).try_into().unwrap());
    let position = u32_at(4, 7) as usize;
    assert_eq!(u32_at(3, position), 7, "the item at item 7's position is item 7");
    let exact = fs::read(directory.join("exact.nf")).unwrap();
    let f32_at = |bytes: &[u8], id, index| f32::from_le_bytes(at(bytes, id, index).try_into().unwrap());
    let dim = snapshot.vectors().dim();
    let (leaf, lane) = (position / 128, position % 128);
    for (i, x) in snapshot.vectors().row(ItemIdx(7)).iter().enumerate() {
        assert_eq!(at(&file, 1, position * 16 + i), x.to_le_bytes(), "16 dimensions are a row of 16");
        // Boxes come in groups of 16: centres, then half-widths.
        let group = leaf / 16 * 2 * dim * 16;
        let centre = f32_at(&exact, 2, group + i * 16 + leaf % 16);
        let half = f32_at(&exact, 2, group + (dim + i) * 16 + leaf % 16);
        let byte = at(&exact, 1, (leaf * dim + i) * 128 + lane)[0];
        let decoded = centre - half + 2.0 * half * f32::from(byte) / 255.0;
        assert!(
            (decoded - x).abs() <= half / 255.0 * 1.001 + 1e-6,
            "dimension {i}: {decoded} stands for {x}"
        );
    }
}
