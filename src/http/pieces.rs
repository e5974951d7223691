//! The JSON of an answer as it is cached: in two pieces, around the one thing that is not the same every time, how long
//! the request took. Before it stands the length of the first piece; between them is a 0.

use std::time::Duration;

use serde::Serialize;

use crate::cache::Value;
use crate::query::{Answer, ResultView};

use super::problem::Problem;
use super::stream::EMPTY;

/// What goes before the first piece: its length.
const LENGTH: usize = size_of::<u32>();
/// Where the pieces meet. A text cannot hold this: quotes are escaped there.
const SEAM: &[u8] = b"\"took_us\":";
/// The answer that is taken apart took so long.
const PLACEHOLDER: &[u8] = b"0";

/// An answer without its time.
#[derive(Clone, Debug)]
pub(super) struct Pieces(Value);

impl Pieces {
    /// Takes `answer` apart; `explanations` are JSON, one for each of its results, which have none, or none at all.
    pub fn of(answer: &mut Answer, explanations: &[Value]) -> Result<Self, Problem> {
        answer.took_us = 0;
        let mut bytes = vec![0; LENGTH];
        if explanations.is_empty() {
            write(&mut bytes, answer)?;
        } else {
            let results = std::mem::take(&mut answer.results);
            write(&mut bytes, answer)?;
            explain(&mut bytes, &results, explanations)?;
        }
        let seam = bytes.windows(SEAM.len()).position(|bytes| bytes == SEAM).map(|start| start + SEAM.len());
        let seam = seam.filter(|seam| bytes[*seam..].starts_with(PLACEHOLDER));
        let seam = seam.ok_or_else(|| Problem::internal(&"an answer without `took_us`"))?;
        let length = u32::try_from(seam - LENGTH).map_err(|error| Problem::internal(&error))?;
        bytes[..LENGTH].copy_from_slice(&length.to_le_bytes());
        Ok(Self(bytes.into()))
    }

    /// The pieces in a value of the cache, or `None` where it holds something else.
    pub fn read(value: Value) -> Option<Self> {
        let (length, rest) = value.split_first_chunk::<LENGTH>()?;
        let head = rest.get(..u32::from_le_bytes(*length) as usize)?;
        let tail = &rest[head.len()..];
        (head.ends_with(SEAM) && tail.starts_with(PLACEHOLDER)).then_some(Self(value))
    }

    /// What the cache keeps.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The JSON of an answer that took so long.
    pub fn joined(&self, took: Duration) -> Vec<u8> {
        // Both constructors checked the length and what stands there.
        let (length, rest) = self.0.split_first_chunk::<LENGTH>().unwrap_or((&[0; LENGTH], &[]));
        let (head, tail) = rest.split_at(u32::from_le_bytes(*length) as usize);
        [head, took.as_micros().to_string().as_bytes(), &tail[PLACEHOLDER.len()..]].concat()
    }
}

/// Puts results with their explanations into an answer that has none. An explanation is the last field of a result,
/// results are the last field of an answer.
fn explain(json: &mut Vec<u8>, results: &[ResultView], explanations: &[Value]) -> Result<(), Problem> {
    debug_assert_eq!(results.len(), explanations.len(), "one explanation for each result");
    debug_assert!(json.ends_with(b"\"results\":[]}"));
    json.truncate(json.len() - EMPTY.len());
    for (place, (result, explanation)) in results.iter().zip(explanations).enumerate() {
        debug_assert!(result.explanation.is_none());
        if place > 0 {
            json.push(b',');
        }
        write(json, result)?;
        json.pop();
        json.extend_from_slice(b",\"explanation\":");
        json.extend_from_slice(explanation);
        json.push(b'}');
    }
    json.extend_from_slice(EMPTY);
    Ok(())
}

fn write(json: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Problem> {
    serde_json::to_writer(json, value).map_err(|error| Problem::internal(&error))
}

/// The JSON of an answer.
pub(super) fn encode(answer: &Answer) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{PlanView, TrackView};

    fn answer(reason: &str, n_results: usize) -> Answer {
        let track = TrackView {
            name: Some("\"took_us\":0, \\\"took_us\\\":0".into()),
            artists: Vec::new(),
            album: None,
            album_image: None,
            year: None,
            release_date: None,
            genres: Vec::new(),
            popularity: None,
            explicit: None,
            duration_ms: None,
        };
        let result = |rank| ResultView {
            rank,
            id: "a".into(),
            similarity: 0.5,
            track: track.clone(),
            collapsed: Vec::new(),
            explanation: None,
        };
        Answer {
            generation: "g".into(),
            engine: "exact",
            plan: PlanView {
                reason: reason.into(),
                effort: None,
                estimated_us: Some(1),
                candidates: 2,
                distance_from_build: 0.5,
            },
            took_us: 7,
            warnings: vec![reason.into()],
            collapsed_into_seeds: Vec::new(),
            results: (1..=n_results).map(result).collect(),
        }
    }

    #[test]
    fn pieces_give_the_whole_back_with_another_time() {
        for reason in ["", "\"took_us\":0", "\\\"took_us\":0", "\"took_us\":"] {
            let mut answer = answer(reason, 2);
            let pieces = Pieces::of(&mut answer, &[]).unwrap();
            answer.took_us = 1234;
            let expected = encode(&answer).unwrap();
            assert_eq!(pieces.joined(Duration::from_micros(1234)), expected, "{reason}");
            let read = Pieces::read(Value::clone(pieces.value())).unwrap();
            assert_eq!(read.joined(Duration::from_micros(1234)), expected);
        }
    }

    #[test]
    fn explanations_are_put_where_they_belong() {
        let raw = r#"{"contributions":{"anchor":0.5},"differences":{},"missing":[],"other_source":{},"summary":"x"}"#;
        for n in [0, 1, 3] {
            let explanations = vec![Value::from(raw.as_bytes()); n];
            let pieces = Pieces::of(&mut answer("r", n), &explanations).unwrap();
            let mut whole = serde_json::to_value(answer("r", n)).unwrap();
            for result in whole["results"].as_array_mut().unwrap() {
                result["explanation"] = serde_json::from_str(raw).unwrap();
            }
            let joined = pieces.joined(Duration::from_micros(7));
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&joined).unwrap(), whole);
        }
    }

    #[test]
    fn what_are_no_pieces_is_recognised() {
        for bytes in [&b""[..], b"abc", b"\xff\xff\xff\xff{}", b"\x02\0\0\0{}", b"\0\0\0\0"] {
            assert!(Pieces::read(bytes.into()).is_none(), "{bytes:?}");
        }
    }
}
