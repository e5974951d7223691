//! Recall against latency as SVG.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::artifact::Measurement;

/// Why no plot was written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the plot {path}: {problem}")]
pub struct PlotError {
    path: String,
    problem: String,
}

/// Engines in the order of the legend, with colours that can be told apart in print and by the colour-blind (after
/// Okabe and Ito).
const ENGINES: [(&str, RGBColor); 4] = [
    ("exact", RGBColor(90, 90, 90)),
    ("hnsw", RGBColor(0, 114, 178)),
    ("forest", RGBColor(213, 94, 0)),
    ("auto", RGBColor(0, 158, 115)),
];

const PANEL: (u32, u32) = (520, 340);

/// Writes `measurements` as an SVG: a panel for each weight family, a line for each engine, median latency
/// (logarithmic) against recall.
pub fn plot(path: &Path, title: &str, measurements: &[Measurement]) -> Result<(), PlotError> {
    draw(path, title, measurements)
        .map_err(|error| PlotError { path: path.display().to_string(), problem: error.to_string() })
}

type Failed = Box<dyn std::error::Error>;

fn draw(path: &Path, title: &str, measurements: &[Measurement]) -> Result<(), Failed> {
    let mut families: Vec<&str> = Vec::new();
    for row in measurements {
        if !families.contains(&row.weights.as_str()) {
            families.push(&row.weights);
        }
    }
    let n_columns = families.len().clamp(1, 2);
    let n_rows = families.len().div_ceil(n_columns).max(1);
    let size = (PANEL.0 * n_columns as u32, PANEL.1 * n_rows as u32 + 40);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let body = root.titled(title, ("sans-serif", 20))?;
    // All panels share their axes, so that they can be compared.
    let latencies = || measurements.iter().map(|row| row.p50_us.max(0.1));
    let fastest = latencies().fold(f64::INFINITY, f64::min).min(1e9);
    let slowest = latencies().fold(1.0, f64::max);
    let lowest = measurements.iter().map(|row| row.recall).fold(1.0, f64::min);
    let axes = (fastest * 0.8..slowest * 1.25, (lowest - 0.02).clamp(0.0, 0.98)..1.01);
    for (panel, family) in body.split_evenly((n_rows, n_columns)).iter().zip(&families) {
        let rows: Vec<&Measurement> = measurements.iter().filter(|row| row.weights == *family).collect();
        draw_panel(panel, family, &axes, &rows)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(
    panel: &DrawingArea<SVGBackend<'_>, Shift>,
    family: &str,
    axes: &(std::ops::Range<f64>, std::ops::Range<f64>),
    rows: &[&Measurement],
) -> Result<(), Failed> {
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("{family} weights"), ("sans-serif", 15))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(axes.0.clone().log_scale(), axes.1.clone())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_label_formatter(&|us| format!("{us:.0}"))
        .x_desc("median latency, microseconds (one thread)")
        .y_desc("recall@k")
        .draw()?;
    for (engine, colour) in ENGINES {
        let mut line: Vec<(f64, f64)> = rows
            .iter()
            .filter(|row| row.engine == engine)
            .map(|row| (row.p50_us.max(0.1), row.recall))
            .collect();
        if line.is_empty() {
            continue;
        }
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
            .label(engine)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
