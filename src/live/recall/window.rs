//! What was measured of late, by engine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::index::EngineKind;

/// The most queries that are looked back on, by engine.
pub const MAX_SAMPLES: usize = 1_000;
/// The longest that is looked back.
pub const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Queries measured of late on one generation.
#[derive(Debug, Default)]
pub(super) struct Windows {
    generation: String,
    /// When each was measured, and its recall; oldest first, in the order of [`EngineKind::ALL`].
    samples: [VecDeque<(Instant, f64)>; EngineKind::ALL.len()],
}

/// What was measured of one engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowView {
    /// How many queries.
    pub n_samples: usize,
    /// Their mean recall; `None` without any.
    pub recall: Option<f64>,
    /// The lowest of them.
    pub lowest: Option<f64>,
}

impl Windows {
    /// Adds a query measured at `now`. What was measured on another generation counts no more.
    pub fn add(&mut self, generation: &str, engine: EngineKind, recall: f64, now: Instant) {
        if self.generation != generation {
            generation.clone_into(&mut self.generation);
            self.samples.iter_mut().for_each(VecDeque::clear);
        }
        let samples = &mut self.samples[engine as usize];
        if samples.len() == MAX_SAMPLES {
            samples.pop_front();
        }
        samples.push_back((now, recall));
    }

    /// What is known of `generation` at `now`, by engine.
    pub fn view(&mut self, generation: &str, now: Instant) -> Vec<(EngineKind, WindowView)> {
        let is_it = self.generation == generation;
        let is_old = |at: Instant| now.saturating_duration_since(at) > MAX_AGE;
        let view = |(engine, samples): (EngineKind, &mut VecDeque<(Instant, f64)>)| {
            while samples.front().is_some_and(|(at, _)| is_old(*at)) {
                samples.pop_front();
            }
            let recalls = samples.iter().filter(|_| is_it).map(|(_, recall)| *recall);
            let n_samples = recalls.clone().count();
            let recall = (n_samples > 0).then(|| recalls.clone().sum::<f64>() / n_samples as f64);
            (engine, WindowView { n_samples, recall, lowest: recalls.min_by(f64::total_cmp) })
        };
        EngineKind::ALL.into_iter().zip(&mut self.samples).map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_begins_anew_with_a_generation() {
        let (mut windows, start) = (Windows::default(), Instant::now());
        let hnsw = |windows: &mut Windows, generation: &str, now: Instant| {
            let view = windows.view(generation, now);
            assert_eq!(view[1].0, EngineKind::Hnsw);
            view[1].1
        };
        let nothing = WindowView { n_samples: 0, recall: None, lowest: None };
        assert_eq!(hnsw(&mut windows, "a", start), nothing);
        windows.add("a", EngineKind::Hnsw, 0.5, start);
        windows.add("a", EngineKind::Hnsw, 1.0, start + MAX_AGE / 2);
        let both = WindowView { n_samples: 2, recall: Some(0.75), lowest: Some(0.5) };
        assert_eq!(hnsw(&mut windows, "a", start + MAX_AGE), both);
        assert_eq!(windows.view("a", start)[0].1, nothing, "of another engine");
        assert_eq!(hnsw(&mut windows, "b", start), nothing, "of another generation");
        let later = start + MAX_AGE + Duration::from_secs(1);
        assert_eq!(hnsw(&mut windows, "a", later).recall, Some(1.0), "the first is too old");
        (0..MAX_SAMPLES).for_each(|_| windows.add("a", EngineKind::Hnsw, 0.25, later));
        let full = WindowView { n_samples: MAX_SAMPLES, recall: Some(0.25), lowest: Some(0.25) };
        assert_eq!(hnsw(&mut windows, "a", later), full);
        windows.add("b", EngineKind::Hnsw, 1.0, later);
        assert_eq!(hnsw(&mut windows, "b", later).n_samples, 1);
        assert_eq!(hnsw(&mut windows, "a", later), nothing);
    }
}
