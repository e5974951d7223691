//! Flags of live recall.

use clap::Args;

use crate::live::RecallSettings;

/// How much of what is served is measured.
#[derive(Debug, Args)]
pub(crate) struct LiveRecallFlags {
    /// The share of the queries whose recall is measured in the background, 0 to 1; 0 turns it off
    #[arg(long, value_name = "SHARE", env = "NEARFIELD_LIVE_RECALL_SHARE", default_value = "0.01", value_parser = share)]
    pub live_recall_share: f64,
    /// The most that this may take of one processor, above 0 and at most 1
    #[arg(long, value_name = "SHARE", env = "NEARFIELD_LIVE_RECALL_CPU_SHARE", default_value = "0.02",
        value_parser = cpu_share)]
    pub live_recall_cpu_share: f64,
}

impl LiveRecallFlags {
    /// What the flags ask for.
    pub fn settings(&self) -> RecallSettings {
        RecallSettings { share: self.live_recall_share, cpu_share: self.live_recall_cpu_share }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
    number.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

fn cpu_share(text: &str) -> Result<f64, String> {
    share(text)
        .ok()
        .filter(|share| *share > 0.0)
        .ok_or_else(|| "expected a number above 0, at most 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_from_0_to_1() {
        assert_eq!((share("0"), share("1"), cpu_share("0.02")), (Ok(0.0), Ok(1.0), Ok(0.02)));
        for text in ["", "-0.1", "1.1", "NaN", "inf", "2 %"] {
            assert!(share(text).is_err() && cpu_share(text).is_err(), "{text}");
        }
        assert!(cpu_share("0").is_err());
    }
}
