//! The query language of Spotify's search: words, and words for one field (`artist:"daft punk" year:1990-1999`). Without quotes
//! a field has everything up to the next field.

use crate::query::Bounds;

/// The fields that mean something here. A catalogue knows nothing of the others, and so nothing matches them.
const FIELDS: [(&str, Field); 9] = [
    ("track", Field::Track),
    ("artist", Field::Artist),
    ("album", Field::Album),
    ("genre", Field::Genre),
    ("year", Field::Year),
    ("isrc", Field::Unknown),
    ("upc", Field::Unknown),
    ("tag", Field::Unknown),
    ("label", Field::Unknown),
];

/// Fields of one query: each may read all names there are.
const MAX_FIELDS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Track,
    Artist,
    Album,
    Genre,
    Year,
    Unknown,
}

/// A query taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SearchQuery {
    /// Words to look for in titles and names.
    pub text: String,
    /// Each of these has to be an artist of the track.
    pub artists: Vec<String>,
    /// Each of these has to be in the album's title.
    pub albums: Vec<String>,
    /// The track has to have each of these.
    pub genres: Vec<String>,
    /// Years of release.
    pub year: Option<Bounds>,
    /// Whether it asks for what no catalogue here knows.
    pub hopeless: bool,
}

impl SearchQuery {
    /// Takes `query` apart; the error says what is wrong with it.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = query;
        let mut words = Vec::new();
        let mut n_fields = 0;
        while !rest.is_empty() {
            let Some((start, field, value_start)) = next_field(rest) else {
                words.push(rest);
                break;
            };
            n_fields += 1;
            if n_fields > MAX_FIELDS {
                return Err(format!("`q` has more than {MAX_FIELDS} fields such as `artist:`"));
            }
            words.push(&rest[..start]);
            let text = &rest[value_start..];
            let name = &rest[start..value_start];
            let (value, left) = if field == Field::Year { year_value(text) } else { value(text) };
            rest = left;
            match field {
                Field::Year => match years(value) {
                    Some(years) => parsed.year = Some(both(parsed.year, years)),
                    // A title may have this in it.
                    None => words.extend([name, value]),
                },
                _ if value.is_empty() => {}
                Field::Track => words.push(value),
                Field::Artist => parsed.artists.push(value.to_owned()),
                Field::Album => parsed.albums.push(value.to_owned()),
                Field::Genre => parsed.genres.push(value.to_owned()),
                Field::Unknown => parsed.hopeless = true,
            }
        }
        let words: Vec<String> = words.iter().map(|word| word.replace('"', " ")).collect();
        parsed.text = words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(parsed)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the next field begins, which it is, and where its value begins.
fn next_field(text: &str) -> Option<(usize, Field, usize)> {
    let begins_word = |start: usize| text[..start].chars().next_back().is_none_or(char::is_whitespace);
    text.match_indices(':').find_map(|(colon, _)| {
        let before = &text[..colon];
        let name_start = before
            .rfind(|c: char| !c.is_ascii_alphabetic())
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let name = before[name_start..].to_ascii_lowercase();
        let (_, field) = FIELDS.iter().find(|(known, _)| *known == name)?;
        begins_word(name_start).then_some((name_start, *field, colon + 1))
    })
}

/// The value at the beginning of `text`, and what comes after it.
fn value(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
        return (value.trim(), rest);
    }
    let end = next_field(text).map_or(text.len(), |(start, _, _)| start);
    (text[..end].trim(), &text[end..])
}

/// The same for a year, which is one word where all of it is none (`year:1994 blue`).
fn year_value(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (whole, rest) = value(text);
    if text.starts_with('"') || years(whole).is_some() {
        return (whole, rest);
    }
    text.split_at(whole.find(char::is_whitespace).unwrap_or(whole.len()))
}

/// `1994` or `1990-1999`; `None` for anything else.
fn years(text: &str) -> Option<Bounds> {
    let year = |text: &str| text.trim().parse::<u16>().map(f64::from).ok();
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    let (min, max) = (year(min)?, year(max)?);
    (min <= max).then_some(Bounds { min: Some(min), max: Some(max) })
}

/// What is within both; nothing may be.
fn both(one: Option<Bounds>, other: Bounds) -> Bounds {
    let Some(one) = one else { return other };
    let larger = |one: Option<f64>, other| one.into_iter().chain(other).reduce(f64::max);
    let smaller = |one: Option<f64>, other| one.into_iter().chain(other).reduce(f64::min);
    Bounds { min: larger(one.min, other.min), max: smaller(one.max, other.max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: SearchQuery) {
        assert_eq!(SearchQuery::parse(query), Ok(expected), "{query}");
    }

    fn of(text: &str) -> SearchQuery {
        SearchQuery { text: text.into(), ..SearchQuery::default() }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn fields_are_told_from_words() {
        check("blue in green", of("blue in green"));
        check(
            "track:Blue artist:Miles Davis",
            SearchQuery { artists: names(&["Miles Davis"]), ..of("Blue") },
        );
        check("artist:\"Daft Punk\" around", SearchQuery { artists: names(&["Daft Punk"]), ..of("around") });
        check("around artist:Daft Punk", SearchQuery { artists: names(&["Daft Punk"]), ..of("around") });
        check("Re:Stacks", of("Re:Stacks"));
        check("3:45 café:x", of("3:45 café:x"));
        check("\"Blue\" in", of("Blue in"));
        check("artist: track:", SearchQuery::default());
        check("artist:\"Daft", SearchQuery { artists: names(&["Daft"]), ..of("") });
        let both = SearchQuery { genres: names(&["hip-hop"]), albums: names(&["One"]), ..of("") };
        check("genre:hip-hop ALBUM:One", both);
        check("isrc:USUM72104140", SearchQuery { hopeless: true, ..of("") });
        check("xartist:a", of("xartist:a"));
    }

    #[test]
    fn years_are_a_year_or_two_and_all_else_is_text() {
        let year = |min: f64, max: f64| Some(Bounds { min: Some(min), max: Some(max) });
        check("x year:1990-1999", SearchQuery { year: year(1990.0, 1999.0), ..of("x") });
        check("year:2001", SearchQuery { year: year(2001.0, 2001.0), ..of("") });
        check("year:\"2001\" x", SearchQuery { year: year(2001.0, 2001.0), ..of("x") });
        check("year:1994 blue", SearchQuery { year: year(1994.0, 1994.0), ..of("blue") });
        check(
            "year: 1990 - 1999 artist:a",
            SearchQuery { year: year(1990.0, 1999.0), artists: names(&["a"]), ..of("") },
        );
        check("year:1990-1999 year:1995-2005", SearchQuery { year: year(1995.0, 1999.0), ..of("") });
        check("year:1990 year:1995 x", SearchQuery { year: year(1995.0, 1990.0), ..of("x") });
        check("Happy New Year: Live", of("Happy New Year: Live"));
        check("Happy New Year:", of("Happy New Year:"));
        check("year:\"the cat\" artist:a", SearchQuery { artists: names(&["a"]), ..of("year: the cat") });
        check("year:artist:a", SearchQuery { artists: names(&["a"]), ..of("year:") });
        for text in ["year: nineties", "year: 1999-1990", "year: 1990-"] {
            check(text, of(text));
        }
    }

    #[test]
    fn fields_are_bounded() {
        assert!(SearchQuery::parse(&"artist:a ".repeat(MAX_FIELDS)).is_ok());
        assert!(SearchQuery::parse(&"artist:a ".repeat(MAX_FIELDS + 1)).unwrap_err().contains("fields"));
    }

    #[test]
    fn any_text_is_parsed() {
        for text in [
            "",
            ":",
            "::",
            "é:é",
            "\"",
            "artist:\"\"",
            "artist:é\"track:",
            "a:b:c:year:1990",
            "音楽:artist:音楽",
        ] {
            assert!(SearchQuery::parse(text).is_ok(), "{text}");
        }
    }
}
