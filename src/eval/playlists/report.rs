//! A table for people.

use std::fmt::Write;

use super::PlaylistReport;

/// The tables of a report in Markdown.
pub fn playlist_table(report: &PlaylistReport) -> String {
    let mut text = String::new();
    for table in &report.tables {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "candidates: {} ({} tracks), same artist {}, {} queries\n",
            table.candidates,
            table.n_candidates,
            table.same_artist,
            table.methods.first().map_or(0, |method| method.scores.n_queries)
        );
        text.push_str("| method             | R-precision | recall@100 | NDCG@100 |\n|---|---|---|---|\n");
        for row in &table.methods {
            let scores = &row.scores;
            let _ = writeln!(
                text,
                "| {:<18} | {:>11.4} | {:>10.4} | {:>8.4} |",
                row.method, scores.r_precision, scores.recall_at_100, scores.ndcg_at_100
            );
        }
        text.push('\n');
    }
    text
}
