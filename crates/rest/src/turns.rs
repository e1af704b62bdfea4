use tokio::sync::{Mutex, MutexGuard};

/// Lets one at a time do something for one name, within this process. Names that fall on one of 256 places by
/// chance take turns too.
#[derive(Debug)]
pub struct Turns(Box<[Mutex<()>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Wait for the turn of a name, given by its digest; it lasts until what is returned is dropped.
    pub async fn take(&self, digest: &[u8; 32]) -> MutexGuard<'_, ()> {
        self.0[usize::from(digest[0]) % PLACES].lock().await
    }
}

const PLACES: usize = 256;
