//! Questions whose right answers are learnt before anything is measured: for servers that answer in words of their own.

use std::{sync::Arc, time::Instant};

use serde_json::Value;

use crate::{
    load::{Draw, Figures, Line, Pace, Seen, Written},
    process::Cpu,
    wire::shown,
};

/// What one server is asked, in a repeatable order.
#[derive(Clone)]
pub(crate) struct Questions(Arc<Vec<Question>>);

struct Question {
    request: String,
    /// The body, to the byte.
    answer: Vec<u8>,
}

impl Questions {
    /// Ask each once; what is answered must be right, and is what has to be answered ever after.
    pub(crate) async fn learn(
        port: u16,
        questions: impl Iterator<Item = (i64, String)>,
        is_right: impl Fn(i64, &Value) -> bool,
    ) -> Result<Self, String> {
        let mut line = Line::open(port).await?;
        let mut known = Vec::new();
        for (id, request) in questions {
            let answer = line.send(&request).await?;
            let body = answer.body.bytes();
            let said = serde_json::from_slice(body).unwrap_or_default();
            if answer.status != 200 || !is_right(id, &said) {
                let head = shown(answer.head);
                return Err(format!("a wrong answer to {request}\n{head}\n{}", shown(body)));
            }
            let answer = body.to_vec();
            known.push(Question { request, answer });
        }
        if known.is_empty() {
            return Err("nothing to ask".to_owned());
        }
        Ok(Self(Arc::new(known)))
    }

    /// Ask, each connection its next question as soon as the last is answered, and measure `server` meanwhile.
    pub(crate) fn ask(
        &self,
        port: u16,
        pace: Pace,
        seed: u64,
        server: &Cpu,
    ) -> Result<Figures, String> {
        pace.run(server, |number, begin, end| {
            let draw = Draw::new(seed.wrapping_mul(1_000).wrapping_add(number as u64));
            self.clone().converse(port, draw, begin, end)
        })
    }

    async fn converse(
        self,
        port: u16,
        mut draw: Draw,
        begin: Instant,
        end: Instant,
    ) -> Result<Seen, String> {
        let mut line = Line::open(port).await?;
        let mut seen = Seen { latencies: Vec::with_capacity(1 << 12), written: Written::default() };
        let mut sent = Instant::now();
        loop {
            let at = usize::try_from(draw.below(self.0.len() as u64)).unwrap_or(0);
            let Question { request, answer } = &self.0[at];
            let answered = line.send(request).await?;
            if answered.status != 200 || answered.body.bytes() != answer {
                let (head, body) = (shown(answered.head), shown(answered.body.bytes()));
                return Err(format!("a wrong answer to {request}\n{head}\n{body}"));
            }
            let now = Instant::now();
            if now > end {
                return Ok(seen);
            }
            if now >= begin {
                seen.latencies.push(u32::try_from((now - sent).as_nanos()).unwrap_or(u32::MAX));
            }
            sent = now;
        }
    }
}
