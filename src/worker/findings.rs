//! What a step found of one track, and what is recorded of it.

use crate::store::{Provenance, Refresh, Refreshed, field};
use crate::track::{Track, TrackId};

use super::backoff::after_misses;
use super::providers::Provider;

/// What the chain said of one track. Each answer is a group of values from one provider.
#[derive(Debug, Default)]
pub(super) struct Findings {
    answers: Vec<(Provider, i64, Track)>,
    missed: bool,
    unanswered: bool,
}

impl Findings {
    /// A provider knew it.
    pub fn known(&mut self, provider: Provider, at_ms: i64, track: Track) {
        self.answers.push((provider, at_ms, track));
    }

    /// Every provider that gives some group of values was asked, and none knew it.
    pub fn missed(&mut self) {
        self.missed = true;
    }

    /// Somebody was asked for some of it and did not answer.
    pub fn unanswered(&mut self) {
        self.unanswered = true;
    }

    /// Whether somebody who was asked did not answer.
    pub fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty() && !self.missed
    }

    /// Whether an answer has an image of the album.
    pub fn has_image(&self) -> bool {
        self.answers.iter().any(|(_, _, track)| track.album_image.is_some())
    }

    /// Whether something was known to no provider.
    pub fn is_missed(&self) -> bool {
        self.missed
    }

    /// What is to be recorded of a track of which so much is known already, and whether that changes it. What no answer
    /// gives keeps its value and its provenance.
    pub fn refreshed(self, current: &Track, before: Refresh, now_ms: i64) -> (Refreshed, bool) {
        let mut refresh = before;
        let mut found = Track::new(current.id.clone());
        if let Some(latest) = self.answers.iter().map(|(_, at_ms, _)| *at_ms).max() {
            refresh.refreshed_at_ms = Some(latest);
        }
        for (provider, at_ms, track) in self.answers {
            let from = Provenance { provider: provider.name().to_owned(), fetched_at_ms: at_ms };
            for name in names(&track) {
                refresh.provenance.insert(name, from.clone());
            }
            found.merge(track, false);
        }
        refresh.n_refreshes += 1;
        if self.missed {
            refresh.n_misses = refresh.n_misses.saturating_add(1);
            refresh.retry_at_ms = Some(after_misses(now_ms, refresh.n_misses));
        } else {
            refresh.n_misses = 0;
            refresh.retry_at_ms = None;
        }
        refresh.asked_at_ms = self.unanswered.then_some(now_ms);
        let mut merged = current.clone();
        merged.merge(found.clone(), false);
        let changed = merged != *current;
        if changed {
            refresh.changed_at_ms = Some(now_ms);
        }
        (Refreshed { track: found, refresh }, changed)
    }
}

/// The names of what an answer gives.
fn names(track: &Track) -> Vec<String> {
    let Track { id: _, values, vectors, genres, .. } = track;
    debug_assert!(vectors.is_empty() && genres.is_empty(), "no provider gives them");
    let fields = [
        (field::NAME, track.name.is_some()),
        (field::ARTISTS, !track.artists.is_empty()),
        (field::ARTIST_IDS, !track.artist_ids.is_empty()),
        (field::ALBUM, track.album.is_some()),
        (field::ALBUM_ID, track.album_id.is_some()),
        (field::ALBUM_IMAGE, track.album_image.is_some()),
        (field::RELEASE_DATE, track.release_date.is_some()),
        (field::EXPLICIT, track.explicit.is_some()),
        (field::TRACK_NUMBER, track.track_number.is_some()),
        (field::DISC_NUMBER, track.disc_number.is_some()),
    ];
    let given = fields.into_iter().filter(|(_, given)| *given).map(|(name, _)| name.to_owned());
    given.chain(values.keys().cloned()).collect()
}

/// The findings of a step, by track.
pub(super) type ByTrack = std::collections::BTreeMap<TrackId, Findings>;

#[cfg(test)]
mod tests {
    use super::*;

    fn track(values: &[(&str, f64)]) -> Track {
        let mut track = Track::new(TrackId::parse("a").unwrap());
        track.values.extend(values.iter().map(|(name, value)| ((*name).to_owned(), *value)));
        track
    }

    fn sources(refresh: &Refresh) -> Vec<(&str, &str, i64)> {
        let named = refresh.provenance.iter();
        named.map(|(name, from)| (name.as_str(), from.provider.as_str(), from.fetched_at_ms)).collect()
    }

    #[test]
    fn what_an_answer_does_not_give_keeps_its_value_and_its_source() {
        let mut first = Findings::default();
        first.known(Provider::Spotify, 5, track(&[("energy", 0.5), ("time_signature", 3.0)]));
        let (first, changed) = first.refreshed(&track(&[("loudness", -7.0)]), Refresh::default(), 6);
        assert!(changed);
        assert_eq!(first.refresh.changed_at_ms, Some(6));
        assert_eq!(first.refresh.refreshed_at_ms, Some(5));
        assert_eq!(sources(&first.refresh), [("energy", "spotify", 5), ("time_signature", "spotify", 5)]);
        let mut current = track(&[("loudness", -7.0)]);
        current.merge(first.track, false);

        let mut second = Findings::default();
        second.known(Provider::ReccoBeats, 8, track(&[("energy", 0.25)]));
        let (second, changed) = second.refreshed(&current, first.refresh, 9);
        current.merge(second.track, false);
        assert!(changed);
        assert_eq!(current, track(&[("energy", 0.25), ("loudness", -7.0), ("time_signature", 3.0)]));
        assert_eq!(sources(&second.refresh), [("energy", "reccobeats", 8), ("time_signature", "spotify", 5)]);
        assert_eq!(second.refresh.n_refreshes, 2);
    }

    #[test]
    fn the_same_values_again_are_a_refresh_but_no_change() {
        let mut findings = Findings::default();
        findings.known(Provider::ReccoBeats, 8, track(&[("energy", 0.25)]));
        let before =
            Refresh { n_misses: 3, retry_at_ms: Some(1), changed_at_ms: Some(2), ..Refresh::default() };
        let (recorded, changed) = findings.refreshed(&track(&[("energy", 0.25)]), before, 9);
        assert!(!changed);
        let refresh = recorded.refresh;
        assert_eq!((refresh.changed_at_ms, refresh.refreshed_at_ms), (Some(2), Some(8)));
        assert_eq!((refresh.n_misses, refresh.retry_at_ms), (0, None));
    }

    #[test]
    fn a_miss_erases_nothing_and_is_remembered() {
        let mut findings = Findings::default();
        findings.missed();
        let before =
            Refresh { n_misses: 1, refreshed_at_ms: Some(3), asked_at_ms: Some(4), ..Refresh::default() };
        let (recorded, changed) = findings.refreshed(&track(&[("energy", 0.25)]), before, 1_000);
        assert!(!changed && recorded.track.values.is_empty());
        let refresh = recorded.refresh;
        assert_eq!((refresh.n_misses, refresh.n_refreshes, refresh.refreshed_at_ms), (2, 1, Some(3)));
        assert_eq!(refresh.retry_at_ms, Some(1_000 + 2 * 24 * 60 * 60 * 1_000));
        assert_eq!(refresh.asked_at_ms, None, "everybody answered this time");
    }
}
