//! Answers that are written piece by piece or made from JSON, as types to describe them by.

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::query::{Answer, SimilarRequest};

use super::super::problem::Body as Problem;

/// Many queries at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the server reads the requests one by one")]
pub(in crate::http) struct BatchRequest {
    /// The queries.
    #[schema(min_items = 1, max_items = 1_000)]
    requests: Vec<SimilarRequest>,
    /// Fields of a query for those that leave them out. One that a query has replaces that of the defaults as a whole.
    defaults: Option<SimilarRequest>,
}

/// The answers to a batch.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BatchAnswer {
    /// The generation they come from, all of them.
    generation: String,
    /// Microseconds from the batch's turn to the beginning of the answer.
    took_us: u64,
    /// One for every query, in their order.
    results: Vec<BatchResult>,
}

/// What there is to say to one query of a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the server writes it in parts")]
pub(in crate::http) enum BatchResult {
    /// It was answered.
    Answered {
        /// 200
        #[schema(minimum = 200, maximum = 200)]
        status: u16,
        /// As if it had been asked alone.
        answer: Answer,
    },
    /// It was not.
    Refused {
        /// With which it would have been refused alone.
        #[schema(minimum = 400, maximum = 599)]
        status: u16,
        /// Why not. Its `field` is the path in the body of the batch.
        problem: Problem<'static>,
    },
}

/// An id in a list that is separated by commas.
pub(in crate::http) struct ListedId;

impl PartialSchema for ListedId {
    fn schema() -> RefOr<Schema> {
        // Blank ones are dropped.
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"[^,\s]")).into()
    }
}

impl ToSchema for ListedId {}
