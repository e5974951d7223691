//! What the user calls a track, and its id.

use crate::track::TrackId;

use super::Failure;
use super::answer::Candidate;
use super::note;
use super::source::Source;

/// Candidates that are listed.
const MAX_CANDIDATES: usize = 10;

/// The id of the track that is called `text`. What words were taken for is said on standard error.
pub(super) fn resolve(source: &Source, text: &str) -> Result<String, Failure> {
    if let Some(id) = as_given(text)? {
        return Ok(id.as_str().to_owned());
    }
    let candidates = candidates(source, text)?;
    let Some(best) = candidates.first() else {
        return Err(Failure::Work(
            format!(
                "no track has an id, a title or an artist like {text:?} in {source}; `nearfield similar --candidates WORDS` \
                 lists what other words may mean"
            )
            .into(),
        ));
    };
    if best.id != text {
        let others = match candidates.len() {
            1 => String::new(),
            n => format!("; --candidates lists {} more", n - 1),
        };
        note(format_args!("{text:?} is {} ({}){others}", best.track.spoken(), best.id));
    }
    Ok(best.id.clone())
}

/// The tracks that `text` may mean, the likeliest first: the one with this id, or those with such words in title and
/// artists.
pub(super) fn candidates(source: &Source, text: &str) -> Result<Vec<Candidate>, Failure> {
    if let Some(id) = as_given(text)? {
        return Ok(source.find(&id)?.into_iter().collect());
    }
    if let Ok(id) = TrackId::parse(text)
        && let Some(found) = source.find(&id)?
    {
        return Ok(vec![found]);
    }
    source.search(text, MAX_CANDIDATES)
}

/// The id in a text that has the form of one of Spotify's, or is a link of one: no words.
fn as_given(text: &str) -> Result<Option<TrackId>, Failure> {
    let is_link = text.contains("://") || text.trim_start().starts_with("spotify:");
    match TrackId::parse(text) {
        Ok(id) if id.is_spotify() => Ok(Some(id)),
        Ok(id) if is_link && !id.as_str().contains([':', '/']) => Ok(Some(id)),
        _ if is_link => Err(Failure::Usage(format!(
            "{text:?} is no link of a track; expected https://open.spotify.com/track/ID or spotify:track:ID"
        ))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_words_and_other_links() {
        let id = "4u7EnebtmKWzUH433cf5Qv";
        for text in
            [id, &format!("spotify:track:{id}"), &format!("https://open.spotify.com/intl-de/track/{id}?si=x")]
        {
            assert_eq!(as_given(text).unwrap().map(|id| id.to_string()).as_deref(), Some(id), "{text}");
        }
        for text in ["karma police", "yesterday", "mine-17", ""] {
            assert!(as_given(text).unwrap().is_none(), "{text}");
        }
        for text in ["https://open.spotify.com/album/x", "spotify:artist:x", "https://example.org/a"] {
            assert!(matches!(as_given(text), Err(Failure::Usage(_))), "{text}");
        }
    }
}
