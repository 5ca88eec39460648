//! The least of HTTP/1.1 that a load generator needs: bytes out, a status and a body of known length in. On a machine
//! whose cores the servers need, every microsecond here is taken from what is measured.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(128 * 1024) })
    }

    /// Sends a whole request and waits for the whole reply.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(end) = find(&self.buffer, END) {
                let head = Head::read(&self.buffer[..end + END.len()]);
                break head.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "a reply without a length"))?;
            }
        };
        while self.buffer.len() < head.end + head.length {
            self.read().await?;
        }
        Ok(Answer { status: head.status, body: &self.buffer[head.end..] })
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    length: usize,
}

impl Head {
    /// Reads a whole head; none where it is not understood.
    fn read(bytes: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(bytes).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.get(9..12)?.parse().ok()?;
        let length = lines.filter_map(|line| line.split_once(": "));
        let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = match length.next() {
            Some((_, digits)) => digits.parse().ok()?,
            None if status == 204 => 0,
            None => return None,
        };
        Some(Self { status, end: bytes.len(), length })
    }
}

/// Where one text begins in another.
pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let last = text.len().checked_sub(part.len())?;
    (0..=last).find(|&at| text[at] == first && &text[at..at + part.len()] == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_length() {
        let head = b"HTTP/1.1 201 Created\r\ncontent-type: a\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(Head::read(head), Some(Head { status: 201, end: head.len(), length: 2 }));
        assert_eq!(Head::read(b"HTTP/1.1 204 No Content\r\n\r\n"), Some(Head { status: 204, end: 27, length: 0 }));
        assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), None);
    }

    #[test]
    fn finds_a_part_wherever_it_is() {
        assert_eq!(find(b"abcabd", b"abd"), Some(3));
        assert_eq!(find(b"abc", b"abcd"), None);
        assert_eq!(find(b"abc", b"x"), None);
    }
}
