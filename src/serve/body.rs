//! What is sent: a page that is there, or parts of a source that are read as the client takes them.

use crate::source::SharedSource;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// Bytes that are read at once. One such piece is read while the one before is sent.
const PIECE: u64 = 256 << 10;

/// A part of an answer.
pub(super) enum Part {
    /// Bytes that are there.
    Ready(Bytes),
    /// A range of a source.
    Source(SharedSource, Range<u64>),
}

/// The body of an answer.
#[derive(Default)]
pub(super) struct Content {
    parts: VecDeque<Part>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    left: u64,
}

impl Content {
    pub(super) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let parts: VecDeque<Part> = parts.into_iter().collect();
        let left = parts.iter().map(Part::len).fold(0, u64::saturating_add);
        Self { parts, reading: None, left }
    }

    pub(super) fn len(&self) -> u64 {
        self.left
    }

    /// Begins to read the next piece.
    fn read_on(&mut self) {
        let Some(Part::Source(source, range)) = self.parts.front_mut() else { return };
        let at = range.start;
        let len = (range.end - at).min(PIECE);
        range.start += len;
        let source = source.clone();
        if range.is_empty() {
            self.parts.pop_front();
        }
        self.reading = Some(tokio::task::spawn_blocking(move || piece(&source, at, len)));
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(text: T) -> Self {
        Self::of([Part::Ready(text.into())])
    }
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::Source(_, range) => range.end.saturating_sub(range.start),
        }
    }
}

/// What ends early is an error: the client is told nothing it could take for the rest.
fn piece(source: &SharedSource, at: u64, len: u64) -> io::Result<Bytes> {
    crate::source::read_vec(&**source, at, len).map(Bytes::from).map_err(io::Error::from)
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = match Pin::new(reading).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(read) => read.unwrap_or_else(|error| Err(io::Error::other(error))),
                };
                self.reading = None;
                return Poll::Ready(Some(match read {
                    Ok(bytes) => {
                        self.left = self.left.saturating_sub(bytes.len() as u64);
                        self.read_on();
                        Ok(Frame::data(bytes))
                    }
                    Err(error) => {
                        self.parts.clear();
                        Err(error)
                    }
                }));
            }
            match self.parts.front() {
                None => return Poll::Ready(None),
                Some(part) if part.len() == 0 => {
                    self.parts.pop_front();
                }
                Some(Part::Ready(_)) => {
                    let Some(Part::Ready(bytes)) = self.parts.pop_front() else { return Poll::Ready(None) };
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Part::Source(..)) => self.read_on(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
