//! Lines of bytes with their numbers, never more of them in memory than one, plus those that were put back.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// The longest line that is read; longer ones are skipped without keeping them.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// What [`Lines::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineRead {
    /// A line, its line feed included (the last one may lack it).
    Line,
    /// A line longer than [`MAX_LINE_BYTES`]; only its start is kept.
    TooLong,
    /// There are no more.
    End,
}

/// Reads lines; whoever looked ahead can put them back.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    newline: u8,
    /// Lines that were put back, the next one first.
    put_back: VecDeque<(LineRead, Vec<u8>)>,
    /// The number of the line read last.
    number: u64,
}

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead>, newline: u8) -> Self {
        Self { input, newline, put_back: VecDeque::new(), number: 0 }
    }

    /// The number of the line read last, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Replaces `line` by the next line.
    pub(super) fn read(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        if let Some((read, next)) = self.put_back.pop_front() {
            *line = next;
            self.number += 1;
            return Ok(read);
        }
        line.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        if (&mut self.input).take(limit).read_until(self.newline, line)? == 0 {
            return Ok(LineRead::End);
        }
        self.number += 1;
        if line.len() <= MAX_LINE_BYTES {
            return Ok(LineRead::Line);
        }
        let mut complete = line.last() == Some(&self.newline);
        line.truncate(1000);
        let mut skipped = Vec::new();
        while !complete {
            skipped.clear();
            complete = (&mut self.input).take(limit).read_until(self.newline, &mut skipped)? == 0
                || skipped.last() == Some(&self.newline);
        }
        Ok(LineRead::TooLong)
    }

    /// Puts lines back as they were read, the first of them to be read next.
    pub(super) fn put_back(&mut self, lines: impl DoubleEndedIterator<Item = (LineRead, Vec<u8>)>) {
        for line in lines.rev() {
            self.put_back.push_front(line);
            self.number -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_can_be_put_back() {
        let mut lines = Lines::new(Box::new(&b"a\nb\nc"[..]), b'\n');
        let mut line = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert_eq!(lines.read(&mut line).unwrap(), LineRead::Line);
            seen.push(line.clone());
        }
        assert_eq!((seen[2].as_slice(), lines.number()), (&b"c"[..], 3));
        lines.put_back(seen.into_iter().skip(1).map(|line| (LineRead::Line, line)));
        assert_eq!(lines.number(), 1);
        assert_eq!(lines.read(&mut line).unwrap(), LineRead::Line);
        assert_eq!((line.as_slice(), lines.number()), (&b"b\n"[..], 2));
        lines.read(&mut line).unwrap();
        assert_eq!(lines.read(&mut line).unwrap(), LineRead::End);
    }

    #[test]
    fn a_line_without_end_is_skipped_not_kept() {
        let long = io::repeat(b'x').take(3 * MAX_LINE_BYTES as u64);
        let input = io::BufReader::new(long.chain(&b"\nnext\n"[..]));
        let mut lines = Lines::new(Box::new(input), b'\n');
        let mut line = Vec::new();
        assert_eq!(lines.read(&mut line).unwrap(), LineRead::TooLong);
        assert_eq!(line.len(), 1000);
        assert_eq!(lines.read(&mut line).unwrap(), LineRead::Line);
        assert_eq!((line.as_slice(), lines.number()), (&b"next\n"[..], 2));
    }
}
