//! Under what an answer or an explanation is kept: the generation it comes from and a canonical form of the query, so
//! that a new generation never gives an old answer, and two spellings of a query share an entry.

use std::sync::Arc;

use crate::artifact::Manifest;
use crate::distance::Query;
use crate::query::{Origin, Plan, Prepared};
use crate::track::ItemIdx;

/// What the forms below are hashed under. To be changed with whatever changes an answer's or an explanation's bytes
/// without changing what is hashed; the version of this program is hashed too.
const ANSWERS: &str = "nearfield 2026-11-25.2 cached answers";
const EXPLANATIONS: &str = "nearfield 2026-11-25.2 cached explanations";
const COUNTERFACTUALS: &str = "nearfield 2026-11-25.2 cached counterfactuals";

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A whole answer.
    Answer,
    /// Why one track is in the answer to one query.
    Explanation,
    /// Where one track stands beside one query, and what would change that.
    Counterfactual,
}

impl Kind {
    /// Its name in keys and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Explanation => "explanation",
            Self::Counterfactual => "counterfactual",
        }
    }
}

/// Which generation something comes from. Names are made of the time, and a directory can be built anew under an old
/// name: so the whole manifest counts, and with it the checksum of every file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The generation's name and the beginning of its hash, for people who look into Redis. Names are made of it, so it
    /// does not change when tracks are removed: explanations are found all the same.
    label: Arc<str>,
    /// What its answers are hashed under.
    answers: [u8; 32],
    explanations: [u8; 32],
    counterfactuals: [u8; 32],
}

impl Identity {
    /// The identity of the generation with this manifest, without the tracks that its `edition` says were removed
    /// ([`crate::snapshot::Snapshot::edition`]).
    pub fn of(manifest: &Manifest, edition: &str) -> Self {
        let text = serde_json::to_vec(manifest).expect("a manifest is made of what JSON has");
        let derived = |context: &str, edition: &str| {
            let mut hasher = blake3::Hasher::new_derive_key(context);
            for part in [env!("CARGO_PKG_VERSION"), edition] {
                hasher.update(part.as_bytes());
                hasher.update(&[0]);
            }
            hasher.update(&text);
            *hasher.finalize().as_bytes()
        };
        // Which tracks were removed shows in answers; an explanation is about one track.
        let (answers, explanations) = (derived(ANSWERS, edition), derived(EXPLANATIONS, ""));
        let counterfactuals = derived(COUNTERFACTUALS, edition);
        let short: String = explanations[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let label = format!("{}-{short}", manifest.generation).into();
        Self { label, answers, explanations, counterfactuals }
    }

    /// A number that tells it from others, nearly always.
    pub(super) fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.answers[..8]);
        u64::from_le_bytes(bytes)
    }
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    kind: Kind,
    label: Arc<str>,
    hash: [u8; 32],
}

impl Key {
    /// The key of the answer to `prepared` when it is found by `plan`, the plan for its depth.
    pub fn of_answer(generation: &Identity, prepared: &Prepared, plan: &Plan) -> Self {
        let mut form = Form::keyed(&generation.answers);
        form.query(prepared);
        form.candidates(prepared);
        form.number(prepared.k as u64);
        form.number(prepared.recall.to_bits());
        form.number(prepared.is_auto().into());
        form.number(prepared.explain.into());
        form.number(prepared.max_per_artist.unwrap_or(0) as u64);
        // Adding 0 makes -0 and 0, which mean the same, the same.
        form.number((prepared.diversity + 0.0).to_bits());
        form.number(prepared.collapse.into());
        form.number(prepared.collapsed_into_seeds.len() as u64);
        prepared.collapsed_into_seeds.iter().for_each(|item| form.number(item.0.into()));
        form.warnings(prepared);
        form.plan(plan);
        if prepared.looks_deeper() {
            // Other plans, for more results, are made on the way: from the distance as it is, not as it is shown.
            form.number(plan.distance_from_build.to_bits());
        }
        Self { kind: Kind::Answer, label: Arc::clone(&generation.label), hash: form.finish() }
    }

    /// The key of where `item` stands beside `prepared`, a query about the plain ranking.
    pub fn of_counterfactuals(generation: &Identity, prepared: &Prepared, item: ItemIdx) -> Self {
        let mut form = Form::keyed(&generation.counterfactuals);
        form.query(prepared);
        form.candidates(prepared);
        form.number(prepared.k as u64);
        form.warnings(prepared);
        form.number(item.0.into());
        // Weights are shown and changed as they were asked for, not as they are computed with.
        prepared.feature_weights.iter().for_each(|weight| form.number((weight + 0.0).to_bits()));
        form.number((prepared.anchor + 0.0).to_bits());
        Self { kind: Kind::Counterfactual, label: Arc::clone(&generation.label), hash: form.finish() }
    }

    /// What is kept under it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The hash that tells it from all others.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Its name in a store whose keys are texts and that others use too. Half of the hash is enough to find an entry;
    /// whether it is the right one its seal says.
    pub fn name(&self, prefix: &str) -> String {
        use std::fmt::Write;
        let mut name = String::with_capacity(prefix.len() + self.label.len() + 48);
        let _ = write!(name, "{prefix}{}:{}:", self.kind.name(), self.label);
        for byte in &self.hash[..16] {
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// A key under which nothing is.
    pub(super) fn greeting() -> Self {
        Self { kind: Kind::Answer, label: "greeting".into(), hash: [0; 32] }
    }

    #[cfg(test)]
    pub(super) fn for_test(number: u8) -> Self {
        Self { kind: Kind::Answer, label: "test".into(), hash: [number; 32] }
    }
}

/// The keys of one query's explanations. How many results were asked for, through which filter and by which engine does
/// not matter to them.
#[derive(Clone, Debug)]
pub struct ExplanationKeys {
    label: Arc<str>,
    query: [u8; 32],
}

impl ExplanationKeys {
    /// The keys for `prepared`.
    pub fn of(generation: &Identity, prepared: &Prepared) -> Self {
        let mut form = Form::keyed(&generation.explanations);
        form.query(prepared);
        Self { label: Arc::clone(&generation.label), query: form.finish() }
    }

    /// The key of all of them together.
    pub(super) fn bundle(&self) -> Key {
        Key { kind: Kind::Explanation, label: Arc::clone(&self.label), hash: self.query }
    }

    #[cfg(test)]
    pub(super) fn for_test(number: u8) -> Self {
        Self { label: "test".into(), query: [number; 32] }
    }

    /// The key for one track: within a generation its index is its id.
    pub fn key(&self, item: ItemIdx) -> Key {
        let hash = *blake3::keyed_hash(&self.query, &item.0.to_le_bytes()).as_bytes();
        Key { kind: Kind::Explanation, label: Arc::clone(&self.label), hash }
    }
}

/// A form in the making. Lengths go before what they are the length of, so that different forms are different bytes.
struct Form<'a> {
    key: &'a [u8; 32],
    bytes: Vec<u8>,
}

impl<'a> Form<'a> {
    fn keyed(key: &'a [u8; 32]) -> Self {
        Self { key, bytes: Vec::with_capacity(512) }
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn floats(&mut self, floats: &[f32]) {
        self.number(floats.len() as u64);
        // Adding 0 makes -0 and 0 the same.
        self.bytes.extend(floats.iter().flat_map(|float| (float + 0.0).to_bits().to_le_bytes()));
    }

    fn flags(&mut self, flags: impl ExactSizeIterator<Item = bool>) {
        self.number(flags.len() as u64);
        self.bytes.extend(flags.map(u8::from));
    }

    /// What an explanation depends on. Weights count as they are computed with: divided by their largest.
    fn query(&mut self, prepared: &Prepared) {
        let query: &Query = &prepared.query;
        self.floats(query.vector());
        self.floats(query.weights());
        self.floats(&[query.anchor()]);
        self.flags(prepared.missing.iter().copied());
        // A weight can be so small beside the largest that nothing is left of it, and is explained all the same.
        self.flags(prepared.feature_weights.iter().map(|weight| *weight > 0.0));
        // Whose values the query has: where these are from is told, and what the track is compared with.
        let Origin { seeds, targeted, is_pushed } = &prepared.origin;
        self.number(seeds.len() as u64);
        self.bytes.extend(seeds.iter().flat_map(|item| item.0.to_le_bytes()));
        self.flags(targeted.iter().copied());
        self.flags(std::iter::once(*is_pushed));
    }

    /// What could be returned.
    fn candidates(&mut self, prepared: &Prepared) {
        // What was removed is among them, and in the identity.
        self.number(prepared.excluded.len() as u64);
        prepared.excluded.iter().for_each(|item| self.number(item.0.into()));
        self.bytes(prepared.filter.as_ref().map_or(&[], |key| key.as_slice()));
    }

    fn warnings(&mut self, prepared: &Prepared) {
        self.number(prepared.warnings.len() as u64);
        prepared.warnings.iter().for_each(|warning| self.bytes(warning.as_bytes()));
    }

    /// A plan as far as it decides on the results and shows in the answer.
    fn plan(&mut self, plan: &Plan) {
        self.bytes(plan.engine.name().as_bytes());
        self.number(plan.effort as u64);
        self.number(plan.seed_effort as u64);
        self.bytes(plan.reason.as_bytes());
        self.number(plan.estimated_us.round().to_bits());
        self.number(plan.n_accepted as u64);
        self.number((plan.distance_from_build * 1000.0).round().to_bits());
    }

    fn finish(self) -> [u8; 32] {
        *blake3::keyed_hash(self.key, &self.bytes).as_bytes()
    }
}
