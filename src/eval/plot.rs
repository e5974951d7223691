//! Recall against latency as SVG.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::prelude::*;

use crate::artifact::Measurement;

/// Why no plot was written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the plot {path}: {problem}")]
pub struct PlotError {
    path: String,
    problem: String,
}

/// Writes `measurements` as an SVG: a line for each engine and weight family, mean latency (logarithmic) against
/// recall.
pub fn plot(path: &Path, title: &str, measurements: &[Measurement]) -> Result<(), PlotError> {
    draw(path, title, measurements)
        .map_err(|error| PlotError { path: path.display().to_string(), problem: error.to_string() })
}

type Series = BTreeMap<(String, String), Vec<(f64, f64)>>;

fn draw(path: &Path, title: &str, measurements: &[Measurement]) -> Result<(), Box<dyn std::error::Error>> {
    let mut series = Series::new();
    for row in measurements {
        let line = series.entry((row.engine.clone(), row.weights.clone())).or_default();
        line.push((row.mean_us.max(0.1), row.recall));
    }
    let points = || series.values().flatten();
    let fastest = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let slowest = points().map(|point| point.0).fold(1.0, f64::max);
    let lowest = points().map(|point| point.1).fold(1.0, f64::min);
    let root = SVGBackend::new(path, (960, 600)).into_drawing_area();
    root.fill(&WHITE)?;
    let bottom = (lowest - 0.02).clamp(0.0, 0.98);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d((fastest.min(slowest) * 0.8..slowest * 1.25).log_scale(), bottom..1.005)?;
    chart.configure_mesh().x_desc("mean latency, microseconds").y_desc("recall@k").draw()?;
    for (number, ((engine, weights), mut line)) in series.into_iter().enumerate() {
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        let colour = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
            .label(format!("{engine}, {weights}"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
