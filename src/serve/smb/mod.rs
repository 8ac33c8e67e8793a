//! A view as an SMB share ([MS-SMB2]): what Windows installs from. Read-only.
//!
//! The protocol is the crate `smb-server`'s: SMB 2.0.2 to 3.1.1, NTLMv2, signing, encryption. Here is what it asks of
//! a file system.
//!
//! | file | what it does |
//! |---|---|
//! | `share` | paths, attributes, listings and bytes of a view, as the crate asks for them |
//! | `pattern` | the wildcards of listings ([MS-FSA] 2.1.4.4) |

mod pattern;
mod share;

use crate::error::{Error, Result};
use crate::view::View;
use share::MediaShare;
use smb_server::{Access, BuildError, Share, ShutdownHandle, SmbServer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What the share is called: `\\HOST\media`.
pub const SHARE: &str = "media";
/// Bytes of one read at most.
const MOST_READ: u32 = 1 << 20;
/// Clients at once.
const MOST_CONNECTIONS: usize = 256;
/// How long a request that is being answered may go on once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);
/// Digits of a password that is made up, five bits each.
const PASSWORD: usize = 20;

/// Who may read.
#[derive(Clone)]
pub enum Account {
    /// One user, with a password. Anonymous sessions get nothing.
    User {
        /// The user's name; capitals do not count.
        name: String,
        /// The password.
        password: String,
    },
    /// Everybody, without a password: such sessions can neither be signed nor encrypted.
    Guest,
}

/// Whether what goes over the network is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Always: SMB 3 only, and clients that cannot are refused.
    #[default]
    Required,
    /// Where the client can; signed where it cannot.
    Offered,
}

/// How to serve.
#[derive(Clone)]
pub struct Settings {
    /// The address and port; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Who may read.
    pub account: Account,
    /// Whether what goes over the network is encrypted.
    pub encryption: Encryption,
    /// Threads that answer; 0 for as many as there are processors.
    pub threads: usize,
}

/// Is told, once for each file, why its bytes are not to be had: the client sees an I/O error only.
pub type Complain = Box<dyn Fn(&Error) + Send + Sync>;

/// A server that runs. Dropped, it stops.
pub struct Server {
    address: SocketAddr,
    shutdown: ShutdownHandle,
    runtime: Option<Runtime>,
    serving: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Begins to serve `view`. Returns once clients can connect.
    ///
    /// # Errors
    /// `Usage` where the account cannot be; what the operating system said of the address.
    pub fn start(view: Arc<View>, settings: &Settings, complain: Complain) -> Result<Self> {
        let server = build(view, settings, complain)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if settings.threads > 0 {
            builder.worker_threads(settings.threads);
        }
        let runtime = builder.enable_all().thread_name("smb").build()?;
        let address = runtime
            .block_on(server.bind())
            .map_err(|error| Error::from(error).during("listen").of(&settings.listen.to_string()))?;
        let shutdown = server.shutdown_handle();
        let handle = runtime.handle().clone();
        let serving = std::thread::Builder::new()
            .name("smb".to_owned())
            .spawn(move || handle.block_on(server.serve()))?;
        Ok(Self { address, shutdown, runtime: Some(runtime), serving: Some(serving) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// True once it serves no more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.serving.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops: requests that are being answered have a little time to end.
    ///
    /// # Errors
    /// What ended it before.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(serving) = self.serving.take() else { return Ok(()) };
        self.shutdown.shutdown();
        let since = std::time::Instant::now();
        while !serving.is_finished() && since.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if !serving.is_finished() {
            return Ok(());
        }
        match serving.join() {
            Ok(outcome) => outcome.map_err(|error| Error::from(error).during("SMB")),
            Err(_) => Err(Error::damaged("answers to SMB clients")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.end();
    }
}

fn build(view: Arc<View>, settings: &Settings, complain: Complain) -> Result<SmbServer> {
    // What cannot change cannot be written back: a client may cache all it reads.
    let share =
        Share::new(SHARE, MediaShare::new(view, complain)).change_notify(false).remark("install media");
    let builder = SmbServer::builder()
        .listen(settings.listen)
        .max_read_size(MOST_READ)
        .max_connections(MOST_CONNECTIONS)
        .encrypt_data(true)
        .require_signing(true);
    let builder = match &settings.account {
        Account::User { name, password } => {
            if password.is_empty() {
                return Err(Error::usage("a password is wanted, or --guest"));
            }
            builder
                .reject_unencrypted_access(settings.encryption == Encryption::Required)
                .user(name, password)
                .share(share.user(name, Access::Read))
        }
        Account::Guest => builder.reject_unencrypted_access(false).share(share.public_read_only()),
    };
    builder.build().map_err(|error| match error {
        BuildError::ReservedUserName(_) | BuildError::EmptyUserName => {
            Error::usage("that user name is reserved; choose another with --user")
        }
        other => Error::usage(format!("SMB: {other}")),
    })
}

/// A password that nobody guesses, in letters and digits that nobody mistakes: a hundred bits.
///
/// # Errors
/// What the operating system said where it has no random numbers.
pub fn made_up_password() -> Result<String> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0u8; PASSWORD];
    getrandom::fill(&mut random)
        .map_err(|error| Error::from(io::Error::other(error)).during("random numbers"))?;
    let mut out = String::with_capacity(PASSWORD + PASSWORD / 5);
    for (nth, byte) in random.iter().enumerate() {
        if nth > 0 && nth.is_multiple_of(5) {
            out.push('-');
        }
        out.extend(DIGITS.get(usize::from(byte & 31)).map(|digit| char::from(*digit)));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_of_twenty_digits_and_never_the_same() {
        let one = made_up_password().unwrap();
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5]);
        assert_ne!(one, made_up_password().unwrap());
    }
}
