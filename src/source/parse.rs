//! Single values: numbers, truth values, dates, and the many ways to say that there is none.

use super::Cell;

/// What reading a cell gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed<T> {
    /// The file says that there is none.
    Missing,
    /// A value.
    Value(T),
    /// Something that is no such value, and why.
    Bad(String),
}

/// Whether a text says that a value is missing: empty, `null`, `None`, `NA`, `N/A`, `NaN`, infinity.
pub fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["null", "none", "na", "n/a", "nan", "inf", "-inf", "+inf", "infinity", "-infinity", "\\n", "<na>"];
    let text = text.trim();
    text.is_empty() || (text.len() <= 9 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// A finite number.
pub fn number(cell: &Cell<'_>) -> Parsed<f64> {
    let number = match cell {
        Cell::Missing => return Parsed::Missing,
        Cell::Int(number) => *number as f64,
        Cell::Float(number) => *number,
        Cell::Bool(value) => f64::from(u8::from(*value)),
        Cell::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) if is_missing(text) => return Parsed::Missing,
            Err(_) => return Parsed::Bad("not a number".to_owned()),
        },
        Cell::List(_) | Cell::Other(_) => return Parsed::Bad("not a number".to_owned()),
    };
    if number.is_finite() { Parsed::Value(number) } else { Parsed::Missing }
}

/// A whole number from 0 to 4,294,967,295, also written as `3.0`.
pub fn count(cell: &Cell<'_>) -> Parsed<u32> {
    match number(cell) {
        Parsed::Value(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => {
            Parsed::Value(number as u32)
        }
        Parsed::Value(_) => Parsed::Bad("not a whole number from 0 to 4294967295".to_owned()),
        Parsed::Missing => Parsed::Missing,
        Parsed::Bad(reason) => Parsed::Bad(reason),
    }
}

/// `True`/`False`, `yes`/`no`, `t`/`f`, 1/0.
pub fn truth(cell: &Cell<'_>) -> Parsed<bool> {
    let bad = || Parsed::Bad("neither true nor false".to_owned());
    let number = |number: f64| match number {
        1.0 => Parsed::Value(true),
        0.0 => Parsed::Value(false),
        _ => bad(),
    };
    match cell {
        Cell::Missing => Parsed::Missing,
        Cell::Bool(value) => Parsed::Value(*value),
        Cell::Int(value) => number(*value as f64),
        Cell::Float(value) if value.is_nan() => Parsed::Missing,
        Cell::Float(value) => number(*value),
        Cell::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Parsed::Value(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Parsed::Value(false),
            text if is_missing(text) => Parsed::Missing,
            _ => bad(),
        },
        Cell::List(_) | Cell::Other(_) => bad(),
    }
}

/// Text without surrounding white space. Words like "None" are titles here: only an empty text is missing.
pub fn text(cell: &Cell<'_>) -> Parsed<String> {
    match cell {
        Cell::Missing => Parsed::Missing,
        Cell::Text(text) => match text.trim() {
            "" => Parsed::Missing,
            text => Parsed::Value(text.to_owned()),
        },
        Cell::Int(_) | Cell::Float(_) | Cell::Bool(_) => Parsed::Value(cell.display()),
        Cell::List(_) | Cell::Other(_) => Parsed::Bad("not a text".to_owned()),
    }
}

/// A release date as `YYYY`, `YYYY-MM` or `YYYY-MM-DD` with its year. A time of day behind it is dropped; the year
/// 0000, which Spotify gives for unknown dates, is not a date.
pub fn date(cell: &Cell<'_>) -> Parsed<(String, i32)> {
    let text = match cell {
        Cell::Missing => return Parsed::Missing,
        Cell::Text(text) => text.trim(),
        Cell::Int(year) => &year.to_string(),
        Cell::Float(year) if year.is_nan() => return Parsed::Missing,
        Cell::Float(year) => &year.to_string(),
        Cell::Bool(_) | Cell::List(_) | Cell::Other(_) => return Parsed::Bad("not a date".to_owned()),
    };
    if is_missing(text) {
        return Parsed::Missing;
    }
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let day = day.strip_suffix(".0").unwrap_or(day);
    let mut parts = day.split('-');
    let number = |part: Option<&str>, n_digits: usize| -> Option<Option<i32>> {
        let Some(part) = part else { return Some(None) };
        let digits = part.len() == n_digits && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok())
    };
    let expected = || Parsed::Bad("not a date of the form YYYY, YYYY-MM or YYYY-MM-DD".to_owned());
    let (Some(Some(year)), Some(month), Some(of_month)) =
        (number(parts.next(), 4), number(parts.next(), 2), number(parts.next(), 2))
    else {
        return expected();
    };
    let valid = parts.next().is_none()
        && month.is_none_or(|m| (1..=12).contains(&m))
        && of_month.is_none_or(|d| (1..=31).contains(&d));
    match (valid, year) {
        (true, 0) => Parsed::Bad("the year 0 stands for an unknown date".to_owned()),
        (true, year) => Parsed::Value((day.to_owned(), year)),
        (false, _) => expected(),
    }
}

/// A year: a whole number, or a date, whose year counts.
pub fn year(cell: &Cell<'_>) -> Parsed<f64> {
    match number(cell) {
        Parsed::Value(0.0) => Parsed::Bad("the year 0 stands for an unknown year".to_owned()),
        Parsed::Value(year) if year.fract() == 0.0 => Parsed::Value(year),
        Parsed::Missing => Parsed::Missing,
        Parsed::Value(_) => Parsed::Bad("not a whole year".to_owned()),
        Parsed::Bad(_) => match date(cell) {
            Parsed::Value((_, year)) => Parsed::Value(f64::from(year)),
            Parsed::Missing => Parsed::Missing,
            Parsed::Bad(_) => Parsed::Bad("not a year".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell<'_> {
        Cell::Text(text.into())
    }

    #[test]
    fn numbers() {
        for (text, expected) in
            [("0.5", 0.5), (" -7.25 ", -7.25), ("1.01e-06", 1.01e-6), ("4", 4.0), ("-0", 0.0)]
        {
            assert_eq!(number(&cell(text)), Parsed::Value(expected), "{text}");
        }
        for text in ["", " ", "NaN", "nan", "inf", "-Infinity", "null", "None", "NA", "N/A", "1e999", "\\N"] {
            assert_eq!(number(&cell(text)), Parsed::Missing, "{text}");
        }
        for text in ["abc", "0,5", "1 2", "0x10", "1_000", "12%"] {
            assert!(matches!(number(&cell(text)), Parsed::Bad(_)), "{text}");
        }
        assert_eq!(number(&Cell::Float(f64::NAN)), Parsed::Missing);
        assert_eq!(number(&Cell::Int(-1)), Parsed::Value(-1.0));
    }

    #[test]
    fn counts_and_truth_values() {
        assert_eq!(count(&cell("3.0")), Parsed::Value(3));
        assert!(matches!(count(&cell("-1")), Parsed::Bad(_)));
        assert!(matches!(count(&cell("1.5")), Parsed::Bad(_)));
        for (text, expected) in [("True", true), ("False", false), ("1", true), ("0", false), ("0.0", false)]
        {
            assert_eq!(truth(&cell(text)), Parsed::Value(expected), "{text}");
        }
        assert_eq!(truth(&cell("")), Parsed::Missing);
        assert!(matches!(truth(&cell("maybe")), Parsed::Bad(_)));
        assert!(matches!(truth(&Cell::Int(2)), Parsed::Bad(_)));
    }

    #[test]
    fn titles_that_look_like_nothing_are_titles() {
        assert_eq!(text(&cell("None")), Parsed::Value("None".to_owned()));
        assert_eq!(text(&cell(" \u{a0}")), Parsed::Missing);
        assert_eq!(text(&Cell::Int(1999)), Parsed::Value("1999".to_owned()));
    }

    #[test]
    fn dates_of_three_precisions() {
        for (text, expected) in [
            ("2019", ("2019", 2019)),
            ("2019-06", ("2019-06", 2019)),
            (" 2019-06-14", ("2019-06-14", 2019)),
            ("2019-06-14T00:00:00Z", ("2019-06-14", 2019)),
            ("2019-06-14 00:00:00", ("2019-06-14", 2019)),
            ("2019.0", ("2019", 2019)),
        ] {
            assert_eq!(date(&cell(text)), Parsed::Value((expected.0.to_owned(), expected.1)), "{text}");
        }
        for text in
            ["0000", "0000-00-00", "14.06.2019", "2019-13", "2019-1", "19", "2019-06-14-1", "20190", "é"]
        {
            assert!(matches!(date(&cell(text)), Parsed::Bad(_)), "{text}");
        }
        assert_eq!(date(&cell("NaN")), Parsed::Missing);
        assert_eq!(date(&Cell::Int(1987)), Parsed::Value(("1987".to_owned(), 1987)));
    }

    #[test]
    fn years() {
        assert_eq!(year(&cell("1987")), Parsed::Value(1987.0));
        assert_eq!(year(&cell("1987.0")), Parsed::Value(1987.0));
        assert_eq!(year(&cell("1987-05-01")), Parsed::Value(1987.0));
        assert!(matches!(year(&cell("0")), Parsed::Bad(reason) if reason.contains("unknown")));
        assert!(matches!(year(&cell("1987.5")), Parsed::Bad(_)));
        assert!(matches!(year(&cell("eighties")), Parsed::Bad(_)));
    }
}
