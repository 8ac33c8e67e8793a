//! The SMB share of `discless serve`.

use super::args::Smb;
use super::ui::Ui;
use discless::Result;
use discless::view::View;
use std::net::SocketAddr;
use std::sync::Arc;

/// A share that is served until it is dropped.
#[cfg(not(feature = "smb"))]
pub(super) enum Sharing {}

#[cfg(not(feature = "smb"))]
impl Sharing {
    pub(super) fn tell(&self, _: &Ui) {}
}

/// Says why this program cannot.
#[cfg(not(feature = "smb"))]
pub(super) fn start(
    _: &Ui,
    _: &Smb,
    _: SocketAddr,
    _: Option<(String, String)>,
    _: &Arc<View>,
) -> Result<Sharing> {
    Err(discless::Error::unsupported("SMB: this program was built without the feature smb"))
}

#[cfg(feature = "smb")]
pub(super) use share::start;

#[cfg(feature = "smb")]
mod share {
    use super::super::args::SmbEncrypt;
    use super::{Arc, Result, Smb, SocketAddr, Ui, View};
    use discless::Error;
    use discless::serve::smb::{Account, Encryption, SHARE, Server, Settings, made_up_password};
    use std::sync::mpsc::{Receiver, channel};

    /// Who may read where nobody is named.
    const USER: &str = "media";

    /// A share that is served until it is dropped.
    pub(crate) struct Sharing {
        /// Kept for its end.
        _server: Server,
        faults: Receiver<Error>,
    }

    impl Sharing {
        /// Says why files could not be read, as far as that is not said yet.
        pub(crate) fn tell(&self, ui: &Ui) {
            self.faults.try_iter().for_each(|error| ui.complain(&error));
        }
    }

    pub(crate) fn start(
        ui: &Ui,
        args: &Smb,
        listen: SocketAddr,
        account: Option<(String, String)>,
        view: &Arc<View>,
    ) -> Result<Sharing> {
        let made_up = if account.is_none() && !args.guest { Some(made_up_password()?) } else { None };
        let account = match (account, &made_up) {
            (Some((name, password)), _) => Account::User { name, password },
            (None, Some(password)) => Account::User { name: USER.to_owned(), password: password.clone() },
            (None, None) => Account::Guest,
        };
        let encryption = match args.smb_encrypt {
            SmbEncrypt::Require => Encryption::Required,
            SmbEncrypt::Offer => Encryption::Offered,
        };
        let (sender, faults) = channel();
        // Nobody listens any more while it ends.
        let complain = Box::new(move |error: &Error| drop(sender.send(error.again())));
        let settings = Settings { listen, account, encryption, threads: ui.threads };
        let server = Server::start(view.clone(), &settings, complain)?;
        let address = server.address();
        ui.answer(&format!("smb://{address}/{SHARE}\n"))?;
        if let Some(password) = made_up {
            ui.always(&format!("smb user {USER}, password {password}"));
        }
        if !address.ip().is_loopback() && args.guest {
            ui.warn("everybody who reaches this machine can read the share: leave --guest out");
        }
        Ok(Sharing { _server: server, faults })
    }
}
