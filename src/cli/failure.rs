//! How a subcommand ends when it does not succeed, and which exit code that is.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// How a subcommand ends when it does not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something impossible: exit code 2.
    Usage(String),
    /// The work failed: exit code 1.
    Work(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Work(_) => ExitCode::from(1),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Work(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Work(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, "\n  caused by: {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}
