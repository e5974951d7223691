//! What refreshing left with a track as the LMDB store writes it: a version byte, then a [`StoredRefresh`] in the
//! project's codec.
//!
//! Most values of a track come from the same answer, so the names are listed by provider and time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::record::CODED_VALUES;
use super::refresh::{Provenance, Refresh};
use crate::codec::{self, CodecError};

/// Without `asked_at_ms`. It is still written where there is none, so that programs before version 2 read it.
const UNASKED_VERSION: u8 = 1;
/// The newest version this program writes and reads: `asked_at_ms` after the rest.
const REFRESH_VERSION: u8 = 2;

/// The order of fields is the format.
#[derive(Serialize, Deserialize)]
struct StoredRefresh<'a> {
    n_refreshes: u64,
    refreshed_at_ms: Option<i64>,
    changed_at_ms: Option<i64>,
    n_misses: u32,
    retry_at_ms: Option<i64>,
    answers: Vec<StoredAnswer<'a>>,
}

/// What one provider said at one time.
#[derive(Serialize, Deserialize)]
struct StoredAnswer<'a> {
    provider: Cow<'a, str>,
    fetched_at_ms: i64,
    coded_names: Vec<u8>,
    other_names: Vec<Cow<'a, str>>,
}

/// Writes `refresh` into `out` (cleared first).
pub(super) fn encode(refresh: &Refresh, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut answers: Vec<StoredAnswer<'_>> = Vec::new();
    for (name, from) in &refresh.provenance {
        let known = answers.iter().position(|answer| {
            answer.provider == from.provider && answer.fetched_at_ms == from.fetched_at_ms
        });
        let place = known.unwrap_or_else(|| {
            answers.push(StoredAnswer {
                provider: Cow::Borrowed(&from.provider),
                fetched_at_ms: from.fetched_at_ms,
                coded_names: Vec::new(),
                other_names: Vec::new(),
            });
            answers.len() - 1
        });
        match CODED_VALUES.iter().position(|known| known == name) {
            Some(code) => answers[place].coded_names.push(code as u8),
            None => answers[place].other_names.push(Cow::Borrowed(name)),
        }
    }
    let stored = StoredRefresh {
        n_refreshes: refresh.n_refreshes,
        refreshed_at_ms: refresh.refreshed_at_ms,
        changed_at_ms: refresh.changed_at_ms,
        n_misses: refresh.n_misses,
        retry_at_ms: refresh.retry_at_ms,
        answers,
    };
    out.clear();
    match refresh.asked_at_ms {
        None => {
            out.push(UNASKED_VERSION);
            codec::encode_into(&stored, out)
        }
        Some(asked_at_ms) => {
            out.push(REFRESH_VERSION);
            codec::encode_into(&(stored, asked_at_ms), out)
        }
    }
}

/// Reads a refresh back.
pub(super) fn decode(bytes: &[u8]) -> Result<Refresh, RecordError> {
    let (version, body) = bytes.split_first().ok_or(RecordError::Empty)?;
    let (stored, asked_at_ms): (StoredRefresh<'static>, _) = match *version {
        UNASKED_VERSION => (codec::decode(body)?, None),
        REFRESH_VERSION => {
            let (stored, asked_at_ms) = codec::decode::<(_, i64)>(body)?;
            (stored, Some(asked_at_ms))
        }
        got => return Err(RecordError::Version { got, supported: REFRESH_VERSION }),
    };
    let mut provenance = BTreeMap::new();
    for answer in stored.answers {
        let from = Provenance { provider: answer.provider.into_owned(), fetched_at_ms: answer.fetched_at_ms };
        for code in answer.coded_names {
            let name = CODED_VALUES.get(code as usize).ok_or(RecordError::ValueCode { code })?;
            provenance.insert((*name).to_owned(), from.clone());
        }
        provenance.extend(answer.other_names.into_iter().map(|name| (name.into_owned(), from.clone())));
    }
    Ok(Refresh {
        n_refreshes: stored.n_refreshes,
        refreshed_at_ms: stored.refreshed_at_ms,
        changed_at_ms: stored.changed_at_ms,
        n_misses: stored.n_misses,
        retry_at_ms: stored.retry_at_ms,
        asked_at_ms,
        provenance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_reads_back_as_written_and_damage_is_an_error() {
        let from = |provider: &str, fetched_at_ms| Provenance { provider: provider.into(), fetched_at_ms };
        let provenance = [
            ("energy", from("reccobeats", 5)),
            ("valence", from("reccobeats", 5)),
            ("time_signature", from("spotify", -3)),
            ("album_image", from("oembed", 6)),
        ];
        let refresh = Refresh {
            n_refreshes: 3,
            refreshed_at_ms: Some(6),
            changed_at_ms: Some(5),
            n_misses: 2,
            retry_at_ms: Some(7),
            asked_at_ms: Some(8),
            provenance: provenance.into_iter().map(|(name, from)| (name.to_owned(), from)).collect(),
        };
        let mut bytes = Vec::new();
        encode(&refresh, &mut bytes).unwrap();
        assert_eq!(decode(&bytes).unwrap(), refresh);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let unasked = Refresh { asked_at_ms: None, ..refresh };
        encode(&unasked, &mut bytes).unwrap();
        assert_eq!((bytes[0], decode(&bytes).unwrap()), (UNASKED_VERSION, unasked));
        bytes[0] = REFRESH_VERSION + 1;
        assert!(matches!(decode(&bytes), Err(RecordError::Version { got: 3, supported: 2 })));
        encode(&Refresh::default(), &mut bytes).unwrap();
        assert_eq!(decode(&bytes).unwrap(), Refresh::default());
    }
}
