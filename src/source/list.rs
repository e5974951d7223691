//! Lists inside one value: artists, genre tags, vectors.

use super::Cell;
use super::parse::{self, Parsed};

/// Lengths a vector may have.
pub const VECTOR_DIMS: std::ops::RangeInclusive<usize> = 2..=1024;

/// Artists whose own name contains a comma, for lists that are separated by commas.
const NAMES_WITH_COMMA: [&str; 8] = [
    "Tyler, The Creator",
    "Earth, Wind & Fire",
    "Crosby, Stills, Nash & Young",
    "Crosby, Stills & Nash",
    "Emerson, Lake & Palmer",
    "Peter, Paul and Mary",
    "Blood, Sweat & Tears",
    "nothing,nowhere.",
];

/// Artist names (or ids): a Python or JSON list, else separated by `;`, else, where `split_commas` is set, by commas.
///
/// A comma is kept between digits ("10,000 Maniacs"), before "Jr." and "Sr." and before a lower-case "the", and in a
/// few well-known names.
pub fn artists(cell: &Cell<'_>, split_commas: bool) -> Parsed<Vec<String>> {
    list(cell, |text| {
        if text.contains(';') {
            text.split(';').map(str::to_owned).collect()
        } else if split_commas && text.contains(',') {
            split_at_commas(text)
        } else {
            vec![text.to_owned()]
        }
    })
}

/// Genre tags: a Python or JSON list, else separated by `|`, `;` or commas, whichever comes first in this order.
pub fn genres(cell: &Cell<'_>) -> Parsed<Vec<String>> {
    let tags = list(cell, |text| {
        let separator =
            ['|', ';', ','].into_iter().find(|separator| text.contains(*separator)).unwrap_or('|');
        text.split(separator).map(str::to_owned).collect()
    });
    match tags {
        Parsed::Value(mut tags) => {
            tags.retain(|tag| !parse::is_missing(tag));
            if tags.is_empty() { Parsed::Missing } else { Parsed::Value(tags) }
        }
        other => other,
    }
}

/// A vector of 2 to 1,024 finite numbers: a list, a JSON array, or numbers separated by white space or commas (also
/// as NumPy prints it, in brackets without commas).
pub fn vector(cell: &Cell<'_>) -> Parsed<Vec<f32>> {
    let numbers: Result<Vec<f32>, String> = match cell {
        Cell::Missing => return Parsed::Missing,
        Cell::Text(text) if parse::is_missing(text) => return Parsed::Missing,
        Cell::Text(text) => {
            let inner = text.trim();
            let inner = inner.strip_prefix(['[', '(']).unwrap_or(inner);
            let inner = inner.strip_suffix([']', ')']).unwrap_or(inner);
            inner
                .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
                .filter(|part| !part.is_empty())
                .enumerate()
                .map(|(i, part)| component(i, &Cell::Text(part.into())))
                .collect()
        }
        Cell::List(cells) => cells.iter().enumerate().map(|(i, cell)| component(i, cell)).collect(),
        _ => return Parsed::Bad("not a list of numbers".to_owned()),
    };
    match numbers {
        Ok(numbers) if VECTOR_DIMS.contains(&numbers.len()) => Parsed::Value(numbers),
        Ok(numbers) if numbers.is_empty() => Parsed::Missing,
        Ok(numbers) => Parsed::Bad(format!(
            "a vector of {} numbers; expected {} to {}",
            numbers.len(),
            VECTOR_DIMS.start(),
            VECTOR_DIMS.end()
        )),
        Err(reason) => Parsed::Bad(reason),
    }
}

fn component(i: usize, cell: &Cell<'_>) -> Result<f32, String> {
    match parse::number(cell) {
        Parsed::Value(number) if (number as f32).is_finite() => Ok(number as f32),
        _ => Err(format!("component {} of the vector is {:?}, not a finite number", i + 1, cell.display())),
    }
}

/// The trimmed, non-empty items of a cell; `split` separates a text that is not itself a list.
fn list(cell: &Cell<'_>, split: impl Fn(&str) -> Vec<String>) -> Parsed<Vec<String>> {
    let items: Vec<String> = match cell {
        Cell::Missing => return Parsed::Missing,
        Cell::Text(text) => {
            let text = text.trim();
            python_list(text).unwrap_or_else(|| split(text))
        }
        Cell::List(cells) => cells.iter().map(Cell::display).collect(),
        Cell::Int(_) | Cell::Float(_) | Cell::Bool(_) => vec![cell.display()],
        Cell::Other(_) => return Parsed::Bad("not a list of names".to_owned()),
    };
    let mut trimmed: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let item = item.trim();
        if !item.is_empty() && !trimmed.iter().any(|known| known == item) {
            trimmed.push(item.to_owned());
        }
    }
    if trimmed.is_empty() { Parsed::Missing } else { Parsed::Value(trimmed) }
}

/// Splits at commas, except inside names that are known to contain one.
fn split_at_commas(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let at_name_start = text[start..at].trim().is_empty();
        let whole = NAMES_WITH_COMMA.iter().find(|name| {
            at_name_start
                && rest.strip_prefix(**name).is_some_and(|after| after.is_empty() || after.starts_with(','))
        });
        if let Some(name) = whole {
            at += name.len();
            continue;
        }
        // `at` only ever moves by whole characters.
        let Some(c) = rest.chars().next() else { break };
        if c == ',' && separates(&text[..at], &rest[1..]) {
            parts.push(text[start..at].to_owned());
            start = at + 1;
        }
        at += c.len_utf8();
    }
    parts.push(text[start..].to_owned());
    parts
}

/// Whether a comma between `before` and `after` separates two names.
fn separates(before: &str, after: &str) -> bool {
    let digits =
        before.ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit());
    let next = after.trim_start();
    let belongs = ["Jr.", "Sr.", "Jr", "Sr"].iter().any(|suffix| {
        next.strip_prefix(suffix).is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with(','))
    });
    !digits && !belongs && !next.starts_with("the ")
}

/// Reads a list as Python (or JSON) writes it: `['A', "B's"]`, with their escapes. `None` when `text` is no such list.
pub fn python_list(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut items = Vec::new();
    let mut chars = inner.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.next() {
            None => return Some(items),
            Some(quote @ ('\'' | '"')) => items.push(quoted(&mut chars, quote)?),
            // A bare word: a number, None. Never the start of a name such as "[:SITD:]".
            Some(c) if c.is_alphanumeric() || matches!(c, '-' | '+' | '.') => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| *c != ',') {
                    word.push(c);
                }
                let word = word.trim();
                let is_number = word.parse::<f64>().is_ok();
                if !is_number && !parse::is_missing(word) {
                    return None;
                }
                if !parse::is_missing(word) {
                    items.push(word.to_owned());
                }
            }
            Some(_) => return None,
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.next() {
            None => return Some(items),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// The rest of a quoted string, up to and with its closing quote.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        let c = match chars.next()? {
            c if c == quote => return Some(text),
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'x' => code_point(chars, 2)?,
                'U' => code_point(chars, 8)?,
                'u' => utf16(chars)?,
                c @ ('\\' | '\'' | '"' | '/') => c,
                // Python keeps a backslash that begins no escape.
                c => {
                    text.push('\\');
                    c
                }
            },
            c => c,
        };
        text.push(c);
    }
}

fn hex(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, n_digits: usize) -> Option<u32> {
    (0..n_digits).try_fold(0u32, |code, _| Some(code.checked_mul(16)? + chars.next()?.to_digit(16)?))
}

fn code_point(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, n_digits: usize) -> Option<char> {
    char::from_u32(hex(chars, n_digits)?)
}

/// `\uXXXX`; JSON writes characters outside the basic plane as two of them.
fn utf16(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let high = hex(chars, 4)?;
    if !(0xd800..0xdc00).contains(&high) {
        return char::from_u32(high);
    }
    if chars.next()? != '\\' || chars.next()? != 'u' {
        return None;
    }
    let low = hex(chars, 4)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, split_commas: bool) -> String {
        match artists(&Cell::Text(text.into()), split_commas) {
            Parsed::Value(names) => names.join("/"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn python_lists_with_quotes_and_escapes() {
        for (text, expected) in [
            ("['Rage Against The Machine']", Some("Rage Against The Machine")),
            (r#"['A', "Destiny's Child"]"#, Some("A/Destiny's Child")),
            (r#"['It\'s', "say \"x\""]"#, Some(r#"It's/say "x""#)),
            (r"['Beyonc\xe9', 'a\\b', '\u00e9\U0001F600']", Some("Beyoncé/a\\b/é😀")),
            (r#"["\ud83d\ude00"]"#, Some("😀")),
            ("['a; b', 'c, d']", Some("a; b/c, d")),
            ("['a',]", Some("a")),
            ("[ 'a' , 'b' ]", Some("a/b")),
            ("[None, 'b', 3]", Some("b/3")),
            ("[]", Some("")),
            ("[:SITD:]", None),
            ("['a' 'b']", None),
            ("['a", None),
            ("[Unquoted, names]", None),
            (r"['\ud83d']", None),
            ("[", None),
        ] {
            assert_eq!(python_list(text).map(|items| items.join("/")).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn artists_in_three_notations() {
        assert_eq!(names("['A', 'B']", true), "A/B");
        assert_eq!(names("Ingrid Michaelson;ZAYN", true), "Ingrid Michaelson/ZAYN");
        assert_eq!(
            names("Frank Ocean;JAY-Z;Tyler, The Creator", true),
            "Frank Ocean/JAY-Z/Tyler, The Creator"
        );
        assert_eq!(names("DMX, Sisqo", true), "DMX/Sisqo");
        assert_eq!(names("Queen,David Bowie", true), "Queen/David Bowie");
        assert_eq!(names("DMX, Sisqo", false), "DMX, Sisqo");
        assert_eq!(names("[:SITD:]", true), "[:SITD:]");
        assert_eq!(names(" A ; ; A ;B", true), "A/B");
        assert_eq!(names("", true), "Missing");
        assert_eq!(names("[]", true), "Missing");
    }

    #[test]
    fn commas_that_belong_to_a_name_stay() {
        for name in ["10,000 Maniacs", "Earth, Wind & Fire", "Ray Parker, Jr.", "Sarah, the Illstrumentalist"]
        {
            assert_eq!(names(name, true), name);
        }
        assert_eq!(names("A, Tyler, The Creator, B", true), "A/Tyler, The Creator/B");
        assert_eq!(names("Sigala, The Vamps", true), "Sigala/The Vamps");
        assert_eq!(names("é, ñ", true), "é/ñ");
    }

    #[test]
    fn genre_tags() {
        let tags = |text: &str| match genres(&Cell::Text(text.into())) {
            Parsed::Value(tags) => tags.join("/"),
            other => format!("{other:?}"),
        };
        assert_eq!(tags("acoustic|j-pop|acoustic"), "acoustic/j-pop");
        assert_eq!(tags("['pop', 'r&b']"), "pop/r&b");
        assert_eq!(tags("pop, rock"), "pop/rock");
        assert_eq!(tags("singer-songwriter"), "singer-songwriter");
        assert_eq!(tags("nan"), "Missing");
    }

    #[test]
    fn vectors_in_every_notation() {
        let numbers = vec![0.5, -1.0, 2.0];
        for text in ["[0.5, -1, 2]", "0.5 -1 2", "0.5,-1,2", "[0.5 -1.\n 2. ]", "(0.5; -1; 2)", "0.5, -1, 2,"]
        {
            assert_eq!(vector(&Cell::Text(text.into())), Parsed::Value(numbers.clone()), "{text}");
        }
        let list = Cell::List(vec![Cell::Float(0.5), Cell::Int(-1), Cell::Text("2".into())]);
        assert_eq!(vector(&list), Parsed::Value(numbers));
        assert_eq!(vector(&Cell::Text("".into())), Parsed::Missing);
        assert_eq!(vector(&Cell::List(Vec::new())), Parsed::Missing);
    }

    #[test]
    fn vectors_that_are_none_say_why() {
        let reason = |text: &str| match vector(&Cell::Text(text.into())) {
            Parsed::Bad(reason) => reason,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(reason("1"), "a vector of 1 numbers; expected 2 to 1024");
        assert!(reason(&"1 ".repeat(1025)).contains("1025 numbers"));
        assert_eq!(reason("1, NaN"), "component 2 of the vector is \"NaN\", not a finite number");
        assert!(reason("1, 1e39").contains("component 2"));
        assert!(reason("a b").contains("component 1"));
    }
}
