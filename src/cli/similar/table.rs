//! Tracks in columns, in the width of the terminal. Where standard output is none, columns are as wide as what is in them.

use console::{Alignment, Term, measure_text_width, pad_str, style, truncate_str};

use super::answer::{Candidate, Explanation, Hit, Track};
use crate::cli::output::plain;

/// Columns below which there is no room for ids beside titles.
const MIN_WIDTH_WITH_IDS: usize = 90;
/// What titles and artists keep, however narrow the terminal.
const MIN_NAMES_WIDTH: usize = 20;
/// What is between columns.
const GAP: &str = "  ";
/// Shares that are drawn of an explanation; the others are summed up.
const MAX_BARS: usize = 6;
/// The longest bar.
const BAR_WIDTH: usize = 20;
/// How far an explanation is from the margin.
const INDENT: &str = "      ";

/// Where a table is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Columns; `None` where it is not a terminal.
    pub width: Option<usize>,
}

impl Terminal {
    /// That of standard output.
    pub fn of_stdout() -> Self {
        Self { width: Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)) }
    }
}

/// The results of an answer, with their explanations where they have some.
pub(super) fn results(hits: &[Hit], terminal: Terminal) -> String {
    let rows: Vec<Row> = hits.iter().enumerate().map(|(place, hit)| Row::of_hit(place + 1, hit)).collect();
    let with_ids = terminal.width.is_none_or(|width| width >= MIN_WIDTH_WITH_IDS);
    let widths = Widths::of(&rows, terminal, with_ids);
    let mut lines = vec![header(&widths)];
    for (row, hit) in rows.iter().zip(hits) {
        lines.push(widths.line(row));
        if let Some(explanation) = &hit.explanation {
            explain(explanation, terminal, &mut lines);
        }
    }
    lines.join("\n")
}

/// Tracks that words may mean.
pub(super) fn candidates(found: &[Candidate], terminal: Terminal) -> String {
    let row = |(place, candidate): (usize, &Candidate)| {
        Row::new(place + 1, String::new(), &candidate.track, &candidate.id, String::new())
    };
    let rows: Vec<Row> = found.iter().enumerate().map(row).collect();
    // The ids are what is asked for.
    let widths = Widths::of(&rows, terminal, true);
    rows.iter().map(|row| widths.line(row)).collect::<Vec<_>>().join("\n")
}

/// What stands in a line.
struct Row {
    place: String,
    similarity: String,
    title: String,
    artists: String,
    year: String,
    id: String,
}

impl Row {
    fn of_hit(place: usize, hit: &Hit) -> Self {
        let others = match hit.collapsed.len() {
            0 => String::new(),
            n => format!(" (+{n})"),
        };
        Self::new(place, format!("{:.4}", hit.similarity), &hit.track, &hit.id, others)
    }

    fn new(place: usize, similarity: String, track: &Track, id: &str, others: String) -> Self {
        Self {
            place: place.to_string(),
            similarity,
            title: track.title() + &others,
            artists: track.by(),
            year: track.year.map(|year| year.to_string()).unwrap_or_default(),
            id: plain(id),
        }
    }
}

/// How wide columns are; one of width 0 is left out.
struct Widths {
    place: usize,
    similarity: usize,
    title: usize,
    artists: usize,
    year: usize,
    with_ids: bool,
}

impl Widths {
    fn of(rows: &[Row], terminal: Terminal, with_ids: bool) -> Self {
        let widest = |column: fn(&Row) -> &String| {
            rows.iter().map(|row| measure_text_width(column(row))).max().unwrap_or(0)
        };
        let mut widths = Self {
            place: widest(|row| &row.place),
            similarity: widest(|row| &row.similarity),
            title: widest(|row| &row.title),
            artists: widest(|row| &row.artists),
            year: widest(|row| &row.year),
            with_ids,
        };
        if let Some(width) = terminal.width {
            let ids = if widths.with_ids { GAP.len() + widest(|row| &row.id) } else { 0 };
            let columns = [widths.place, widths.similarity, widths.year];
            let fixed: usize =
                columns.iter().filter(|column| **column > 0).map(|column| column + GAP.len()).sum();
            widths.fit_names(width.saturating_sub(fixed + ids + GAP.len()).max(MIN_NAMES_WIDTH));
        }
        widths
    }

    /// Takes away from titles and artists what is more than `room`, from the wider column first.
    fn fit_names(&mut self, room: usize) {
        let excess = (self.title + self.artists).saturating_sub(room);
        if excess > 0 {
            // Titles may have three fifths, and what the artists leave.
            self.title = self.title.min((room * 3 / 5).max(room.saturating_sub(self.artists)));
            self.artists = self.artists.min(room - self.title);
        }
    }

    fn line(&self, row: &Row) -> String {
        let mut cells = vec![cell(&row.place, self.place, Alignment::Right)];
        if self.similarity > 0 {
            cells.push(style(cell(&row.similarity, self.similarity, Alignment::Right)).cyan().to_string());
        }
        cells.push(style(cell(&row.title, self.title, Alignment::Left)).bold().to_string());
        if self.artists > 0 {
            cells.push(cell(&row.artists, self.artists, Alignment::Left));
        }
        if self.year > 0 {
            cells.push(cell(&row.year, self.year, Alignment::Left));
        }
        if self.with_ids {
            cells.push(style(&row.id).dim().to_string());
        }
        cells.join(GAP).trim_end().to_owned()
    }
}

fn cell(text: &str, width: usize, alignment: Alignment) -> String {
    pad_str(&truncate_str(text, width, "…"), width, alignment, None).into_owned()
}

fn header(widths: &Widths) -> String {
    let text = |text: &str| text.to_owned();
    let row = Row {
        place: text("#"),
        // Four digits and a point leave little room.
        similarity: text("score"),
        title: text("title"),
        artists: text("artists"),
        year: text("year"),
        id: text("id"),
    };
    style(console::strip_ansi_codes(&widths.line(&row))).dim().to_string()
}

/// The sentence, then the largest shares of the similarity as bars; with those left out they add up to it.
fn explain(explanation: &Explanation, terminal: Terminal, lines: &mut Vec<String>) {
    let width =
        terminal.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT.len()).max(MIN_NAMES_WIDTH));
    lines.extend(
        wrapped(&plain(&explanation.summary), width).into_iter().map(|line| format!("{INDENT}{line}")),
    );
    let mut shares: Vec<(String, f64)> =
        explanation.contributions.iter().map(|(name, share)| (plain(name), *share)).collect();
    shares.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    if shares.len() > MAX_BARS + 1 {
        let rest = shares.split_off(MAX_BARS);
        shares.push((format!("{} others", rest.len()), rest.iter().map(|(_, share)| share).sum()));
    }
    let largest = shares.iter().fold(0.0, |most: f64, (_, share)| most.max(share.abs()));
    let names = shares.iter().map(|(name, _)| measure_text_width(name)).max().unwrap_or(0);
    for (name, share) in &shares {
        let drawn = style(pad_str(&bar(*share, largest), BAR_WIDTH, Alignment::Left, None).into_owned());
        let drawn = if *share < 0.0 { drawn.red() } else { drawn.green() };
        let name = pad_str(name, names, Alignment::Left, None);
        lines.push(format!("{INDENT}{name}{GAP}{share:>7.4}{GAP}{drawn}").trim_end().to_owned());
    }
}

/// A bar in eighths of a column, as long as `share` is beside `largest`.
fn bar(share: f64, largest: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if largest <= 0.0 {
        return String::new();
    }
    let eighths = (share.abs() / largest * (8 * BAR_WIDTH) as f64).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// The words of a text in lines of at most `width` columns, where no word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(name: &str, artist: &str, explanation: Option<Explanation>) -> Hit {
        let track = Track { name: Some(name.into()), artists: vec![artist.into()], year: Some(1999) };
        let id = "4u7EnebtmKWzUH433cf5Qv".into();
        Hit { id, similarity: 0.98765, track, collapsed: Vec::new(), explanation }
    }

    fn candidate(name: &str, artist: &str) -> Candidate {
        let Hit { id, track, .. } = hit(name, artist, None);
        Candidate { id, track }
    }

    fn lines(hits: &[Hit], width: Option<usize>) -> Vec<String> {
        let text = results(hits, Terminal { width });
        text.lines().map(|line| console::strip_ansi_codes(line).into_owned()).collect()
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        let hits =
            [hit("夜に駆ける", "YOASOBI", None), hit("Get Lucky", "Daft Punk", None), hit("Ünï", "é", None)];
        let lines = lines(&hits, None);
        let place_of_year = |line: &str| measure_text_width(&line[..line.find("1999").unwrap()]);
        assert_eq!(place_of_year(&lines[1]), place_of_year(&lines[2]));
        assert_eq!(place_of_year(&lines[1]), place_of_year(&lines[3]));
        assert!(lines[0].starts_with("#   score  title"), "{}", lines[0]);
        assert!(lines[1].starts_with("1  0.9877  夜に駆ける  YOASOBI"), "{}", lines[1]);
        assert!(lines[1].ends_with("1999  4u7EnebtmKWzUH433cf5Qv"), "{}", lines[1]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "夜".repeat(60);
        for width in [50, 80, 89, 90, 120, 200] {
            for hits in [[hit(&long, &long, None)], [hit("a", &long, None)], [hit(&long, "a", None)]] {
                for line in lines(&hits, Some(width)) {
                    assert!(measure_text_width(&line) <= width, "{width}: {line}");
                }
                let with_id = lines(&hits, Some(width))[1].contains("4u7Enebtm");
                assert_eq!(with_id, width >= MIN_WIDTH_WITH_IDS, "{width}");
            }
        }
        assert!(lines(&[hit(&long, "Artist", None)], Some(80))[1].contains("…  Artist  1999"));
    }

    #[test]
    fn candidates_keep_their_ids_and_to_the_width() {
        let long = "夜".repeat(60);
        let found: Vec<Candidate> =
            [(&*long, &*long), ("a", &long)].map(|(name, artist)| candidate(name, artist)).into();
        for width in [60, 80, 89, 90, 200] {
            let text = candidates(&found, Terminal { width: Some(width) });
            for line in text.lines().map(|line| console::strip_ansi_codes(line).into_owned()) {
                assert!(measure_text_width(&line) <= width, "{width}: {line}");
                assert!(line.ends_with("  4u7EnebtmKWzUH433cf5Qv"), "{width}: {line}");
            }
        }
    }

    #[test]
    fn an_explanation_adds_up() {
        let contributions = (0..9).map(|n| (format!("feature{n}"), 0.1 * f64::from(n) - 0.1)).collect();
        let summary = "Alike most of all in energy. ".repeat(4);
        let lines = lines(&[hit("a", "b", Some(Explanation { contributions, summary }))], Some(80));
        let bars: Vec<&String> =
            lines.iter().filter(|line| line.contains('█') || line.contains("others")).collect();
        assert_eq!(bars.len(), MAX_BARS + 1, "{lines:#?}");
        let share = |line: &&String| {
            line.split_whitespace().find_map(|word| word.parse::<f64>().ok().filter(|x| x.fract() != 0.0))
        };
        let sum: f64 = bars.iter().filter_map(share).sum();
        assert!((sum - 2.7).abs() < 1e-3, "{sum}: {lines:#?}");
        assert!(lines.iter().all(|line| measure_text_width(line) <= 80), "{lines:#?}");
        assert_eq!(
            (bar(1.0, 2.0), bar(0.0, 0.0), bar(-2.0, 2.0)),
            ("█".repeat(10), String::new(), "█".repeat(20))
        );
    }

    #[test]
    fn a_title_cannot_move_the_cursor() {
        let lines = lines(&[hit("a\x1b[2Jb\nc", "d", None)], None);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("a [2Jb c"), "{}", lines[1]);
    }
}
