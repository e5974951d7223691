//! What can be wrong with the sections of a title index.

/// Why sections are not a title index.
#[derive(Debug, thiserror::Error)]
pub enum TitleIndexError {
    /// The dictionary is not an `fst::Map`, or its checksum is wrong.
    #[error("the dictionary of titles cannot be read")]
    Dictionary(#[from] fst::Error),
    /// There must be one more offset than terms.
    #[error("the dictionary of titles has {n_terms} terms, so {expected} offsets are expected, not {got}")]
    OffsetCount {
        /// Terms in the dictionary.
        n_terms: usize,
        /// `n_terms + 1`.
        expected: usize,
        /// Offsets there are.
        got: usize,
    },
    /// The first offset must be 0 and none smaller than the one before.
    #[error("offset {at} into the postings of titles is {got}, expected {expected}")]
    Offset {
        /// Which offset.
        at: usize,
        /// What it must be, in words.
        expected: &'static str,
        /// What it is.
        got: u64,
    },
    /// The last offset must be the number of postings.
    #[error("the postings of titles should number {expected} by their last offset, but there are {got}")]
    PostingCount {
        /// The last offset.
        expected: u64,
        /// Postings there are.
        got: usize,
    },
    /// There must be one field per posting.
    #[error("the title index has {n_postings} postings but {got} fields; one each is expected")]
    FieldCount {
        /// Postings there are.
        n_postings: usize,
        /// Fields there are.
        got: usize,
    },
}
