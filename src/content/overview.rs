//! `overview.nf`: where an item stands in the catalogue as a whole: on a map of it, among the values of each feature, and
//! which items are the same recording.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::track::ItemIdx;

use super::projection::{place, principal_axes};
use super::quantiles::{N_QUANTILES, percentile};
use super::vectors::{Vectors, VectorsBuilder};

pub(crate) const OVERVIEW_FILE: &str = "overview.nf";

const AXES: u32 = 1;
const PLACES: u32 = 2;
const BOUNDS: u32 = 3;
const QUANTILES: u32 = 4;
const RECORDINGS: u32 = 5;
const SHARED: u32 = 6;
const SHARED_OFFSETS: u32 = 7;
const MEMBERS: u32 = 8;

/// Share of the items that lie beyond each side of the map: a few far away would shrink all the others to a dot.
const BEYOND: f64 = 0.001;

/// Writes `overview.nf` into `directory`. `weights`, `[dim]`, say what counts on the map; `quantiles` are a table
/// ([`super::quantiles`]) for each feature; `recordings`, `[n_items]`, the first item of the same recording.
pub(crate) fn write_overview(
    directory: &Path,
    vectors: &VectorsBuilder,
    weights: &[f32],
    quantiles: &[Vec<f64>],
    recordings: &[u32],
) -> Result<(), ArtifactError> {
    let axes = principal_axes(vectors.rows(), vectors.dim(), weights);
    let mut places: Vec<[f32; 2]> = Vec::with_capacity(recordings.len());
    places.extend(
        (0..recordings.len()).map(|item| [0, 1].map(|axis: usize| place(vectors.row(item), &axes[axis]))),
    );
    let mut file = SectionWriter::create(&directory.join(OVERVIEW_FILE), FileKind::Overview)?;
    file.section::<f32>(AXES)?;
    axes.iter().try_for_each(|axis| file.write(axis))?;
    file.section::<f32>(PLACES)?;
    file.write::<f32>(places.as_flattened())?;
    file.section::<f32>(BOUNDS)?;
    [0, 1].iter().try_for_each(|axis| file.write(&bounds(&places, *axis)))?;
    file.section::<f64>(QUANTILES)?;
    quantiles.iter().try_for_each(|table| file.write(table))?;
    file.section::<u32>(RECORDINGS)?;
    file.write(recordings)?;
    let shared = Shared::of(recordings);
    file.section::<u32>(SHARED)?;
    file.write(&shared.recordings)?;
    file.section::<u64>(SHARED_OFFSETS)?;
    file.write(&shared.offsets)?;
    file.section::<u32>(MEMBERS)?;
    file.write(&shared.members)?;
    file.finish()
}

/// From where to where nearly all items lie on an axis.
fn bounds(places: &[[f32; 2]], axis: usize) -> [f32; 2] {
    let mut along: Vec<f32> = places.iter().map(|place| place[axis]).collect();
    along.sort_unstable_by(f32::total_cmp);
    let Some(last) = along.len().checked_sub(1) else { return [0.0; 2] };
    let beyond = (BEYOND * last as f64) as usize;
    [along[beyond], along[last - beyond]]
}

/// Recordings of several items.
#[derive(PartialEq)]
struct Shared {
    /// The first item of each, ascending.
    recordings: Vec<u32>,
    offsets: Vec<u64>,
    /// Their items, ascending within a recording.
    members: Vec<u32>,
}

impl Shared {
    fn of(recordings: &[u32]) -> Self {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (item, recording) in recordings.iter().enumerate() {
            if *recording != item as u32 {
                pairs.push((*recording, item as u32));
            }
        }
        pairs.sort_unstable();
        let mut shared = Self { recordings: Vec::new(), offsets: vec![0], members: Vec::new() };
        for run in pairs.chunk_by(|one, other| one.0 == other.0) {
            shared.recordings.push(run[0].0);
            shared.members.push(run[0].0);
            shared.members.extend(run.iter().map(|(_, item)| *item));
            shared.offsets.push(shared.members.len() as u64);
        }
        shared
    }
}

/// The overview of an open generation.
#[derive(Debug)]
pub struct Overview {
    n_items: usize,
    dim: usize,
    n_features: usize,
    axes: Section<f32>,
    places: Section<f32>,
    bounds: Section<f32>,
    quantiles: Section<f64>,
    recordings: Section<u32>,
    shared: Section<u32>,
    shared_offsets: Section<u64>,
    members: Section<u32>,
}

impl Overview {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
        n_features: usize,
    ) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Overview, entry)?;
        let shared: Section<u32> = file.section(SHARED, "recordings of several items")?;
        let overview = Self {
            n_items,
            dim,
            n_features,
            axes: file.section_of(AXES, "axes of the map", 2 * dim)?,
            places: file.section_of(PLACES, "places on the map", n_items.saturating_mul(2))?,
            bounds: file.section_of(BOUNDS, "bounds of the map", 4)?,
            quantiles: file.section_of(QUANTILES, "quantiles", n_features.saturating_mul(N_QUANTILES))?,
            recordings: file.section_of(RECORDINGS, "recordings", n_items)?,
            shared_offsets: file.section_of(SHARED_OFFSETS, "recording offsets", shared.len() + 1)?,
            members: file.section(MEMBERS, "items of recordings")?,
            shared,
        };
        overview.shared_offsets.check_offsets("recording offsets", overview.members.len())?;
        Ok(overview)
    }

    /// The two axes of the map, `[dim]` each: a vector's place on one is their product.
    pub fn axes(&self) -> [&[f32]; 2] {
        let (x, y) = self.axes.split_at(self.dim);
        [x, y]
    }

    /// Where an item is on the map, x and y.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn place(&self, item: ItemIdx) -> [f32; 2] {
        let [x, y] = self.places[2 * item.as_usize()..][..2] else { unreachable!("two floats") };
        [x, y]
    }

    /// Between which values nearly all items lie, of x and of y.
    pub fn bounds(&self) -> [[f32; 2]; 2] {
        let bound = |place: usize| self.bounds[place];
        [[bound(0), bound(1)], [bound(2), bound(3)]]
    }

    /// Which percentage of the catalogue's values of `feature` is below `value`, equal ones counting half; to about a tenth of a
    /// percent. `None` for features whose values are not ordered (circles, vectors) and where no track has one.
    ///
    /// # Panics
    /// When there is no such feature.
    pub fn percentile(&self, feature: usize, value: f64) -> Option<f64> {
        percentile(&self.quantiles[feature * N_QUANTILES..][..N_QUANTILES], value)
    }

    /// The first item of the same recording: what the items of a recording have in common. In a damaged file it may be anything.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn recording(&self, item: ItemIdx) -> ItemIdx {
        ItemIdx(self.recordings[item.as_usize()])
    }

    /// Whether any two items are the same recording.
    pub fn has_duplicates(&self) -> bool {
        !self.shared.is_empty()
    }

    /// All items of the recording that `item` is of, ascending, itself among them; empty where there are no others. Only
    /// items there are, also from a damaged file.
    pub fn same_recording(&self, item: ItemIdx) -> impl Iterator<Item = ItemIdx> {
        let members = match self.shared.binary_search(&self.recording(item).0) {
            Ok(place) => &self.members[self.shared_offsets.range(place)],
            Err(_) => &[],
        };
        members.iter().filter(|member| (**member as usize) < self.n_items).map(|member| ItemIdx(*member))
    }

    pub(crate) fn verify(&self, vectors: &Vectors) -> Result<(), ArtifactError> {
        let axes = self.axes();
        for index in 0..self.n_items as u32 {
            let item = ItemIdx(index);
            let expected = axes.map(|axis| place(vectors.row(item), axis));
            let got = self.place(item);
            if expected.map(f32::to_bits) != got.map(f32::to_bits) || got.iter().any(|x| !x.is_finite()) {
                let got = format!("{got:?}");
                return Err(self.places.damaged(
                    format!("place of item {index}"),
                    format!("{expected:?}"),
                    got,
                ));
            }
        }
        let sides: Vec<f32> = self.bounds.to_vec();
        if sides.iter().any(|x| !x.is_finite()) || sides[0] > sides[1] || sides[2] > sides[3] {
            return Err(self.bounds.damaged(
                "bounds of the map",
                "two ascending pairs",
                format!("{sides:?}"),
            ));
        }
        for (feature, table) in self.quantiles.chunks_exact(N_QUANTILES).enumerate().take(self.n_features) {
            let none = table.iter().all(|value| value.is_nan());
            if !none && !table.windows(2).all(|pair| pair[0] <= pair[1]) {
                return Err(self.quantiles.damaged(
                    format!("quantiles of feature {feature}"),
                    "ascending",
                    "not so",
                ));
            }
        }
        let sensible = |(item, recording): (usize, &u32)| {
            *recording as usize <= item && self.recordings[*recording as usize] == *recording
        };
        if let Some(item) = (0..self.n_items).find(|item| !sensible((*item, &self.recordings[*item]))) {
            let got = self.recordings[item];
            return Err(self.recordings.damaged(format!("recording of item {item}"), "its first item", got));
        }
        let shared = Shared::of(&self.recordings);
        let same = shared.recordings == self.shared[..]
            && shared.offsets == self.shared_offsets[..]
            && shared.members == self.members[..];
        if !same {
            return Err(self.members.damaged(
                "items of recordings",
                "what the recordings say",
                "something else",
            ));
        }
        Ok(())
    }
}
