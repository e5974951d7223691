//! What `/metrics` says of live recall.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::index::EngineKind;

use super::window::WindowView;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfEngine {
    engine: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfDropped {
    engine: &'static str,
    /// `queue_full`, `superseded`, `failed` or `stopped`.
    reason: &'static str,
}

/// Why a query was not measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dropped {
    /// More were taken than there is time for.
    QueueFull,
    /// Another generation is served by now.
    Superseded,
    /// The engine did not answer.
    Failed,
    /// Nobody measures any more: the thread has ended.
    Stopped,
}

/// Counted since the start, but for what is of the window.
#[derive(Debug, Default)]
pub(super) struct Figures {
    recall: Family<OfEngine, Gauge<f64, AtomicU64>>,
    window: Family<OfEngine, Gauge>,
    measured: Family<OfEngine, Counter>,
    dropped: Family<OfDropped, Counter>,
}

impl Figures {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "live_recall",
            "Mean tie-aware recall of the served queries that were measured of late, by engine",
            self.recall.clone(),
        );
        registry.register(
            "live_recall_window_queries",
            "Queries that this is the mean of",
            self.window.clone(),
        );
        registry.register("live_recall_measured", "Queries measured", self.measured.clone());
        registry.register(
            "live_recall_dropped",
            "Queries taken and not measured: there was no time (queue_full), another generation is served by now \
             (superseded), the engine did not answer (failed), nobody measures any more (stopped)",
            self.dropped.clone(),
        );
    }

    pub fn measured(&self, engine: EngineKind) {
        self.measured.get_or_create(&OfEngine { engine: engine.name() }).inc();
    }

    pub fn dropped(&self, engine: EngineKind, why: Dropped) {
        let reason = match why {
            Dropped::QueueFull => "queue_full",
            Dropped::Superseded => "superseded",
            Dropped::Failed => "failed",
            Dropped::Stopped => "stopped",
        };
        self.dropped.get_or_create(&OfDropped { engine: engine.name(), reason }).inc();
    }

    /// Shows the windows; what nothing is known of is not shown.
    pub fn show(&self, windows: &[(EngineKind, WindowView)]) {
        for (engine, view) in windows {
            let labels = OfEngine { engine: engine.name() };
            self.window.get_or_create(&labels).set(view.n_samples as i64);
            match view.recall {
                Some(recall) => _ = self.recall.get_or_create(&labels).set(recall),
                None => _ = self.recall.remove(&labels),
            }
        }
    }
}
