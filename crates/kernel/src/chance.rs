use std::sync::{Mutex, PoisonError};

use rand::{Rng, SeedableRng, rngs::ChaCha12Rng};

/// The only source of randomness: tokens, salts, request ids, store numbers.
pub trait Chance: Send + Sync {
    /// Fill the buffer with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random 32-bit number.
    fn number(&self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}

/// The machine's randomness, through a generator fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// The same numbers for the same seed: for tests and for the demo data of `custodia dev`.
#[derive(Debug)]
pub struct SeededChance(Mutex<ChaCha12Rng>);

impl SeededChance {
    /// A generator that begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))
    }
}

impl Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
