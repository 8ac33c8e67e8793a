//! Points in time as media record them: seconds, a fraction, and the zone where one was given.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// Minutes east of UTC; `None` where the medium does not say (then the time is taken as UTC).
    pub zone: Option<i16>,
}

/// A date and time as the fields of a structure give it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields {
    /// The year, all digits.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// Minutes east of UTC.
    pub zone: Option<i16>,
}

impl Timestamp {
    /// `None` where the fields name no day or hour that exists: such a time is not known.
    #[must_use]
    pub fn from_fields(fields: Fields) -> Option<Self> {
        let date =
            Date::from_calendar_date(fields.year, Month::try_from(fields.month).ok()?, fields.day).ok()?;
        let time =
            Time::from_hms_nano(fields.hour, fields.minute, fields.second.min(59), fields.nanos).ok()?;
        // ECMA-119 and ECMA-167 both allow ±24 h; a zone further off is nonsense and not applied.
        let zone = fields.zone.filter(|minutes| minutes.abs() <= 24 * 60);
        let local = PrimitiveDateTime::new(date, time).assume_utc();
        let seconds = local.unix_timestamp().checked_sub(i64::from(zone.unwrap_or(0)) * 60)?;
        Some(Self { seconds, nanos: fields.nanos, zone })
    }

    /// 100 ns since 1601-01-01T00:00:00Z, as Windows counts; 0 stands for no time.
    #[must_use]
    pub fn from_filetime(ticks: u64) -> Option<Self> {
        const EPOCH: i64 = 11_644_473_600;
        let seconds = i64::try_from(ticks / 10_000_000).ok()?.checked_sub(EPOCH)?;
        let nanos = u32::try_from(ticks % 10_000_000).ok()? * 100;
        (ticks != 0).then_some(Self { seconds, nanos, zone: Some(0) })
    }

    /// The day that it is, in UTC: `2026-11-23`.
    #[must_use]
    pub fn today() -> String {
        let now = Self::from_system(std::time::SystemTime::now()).rfc3339();
        now.split('T').next().unwrap_or_default().to_owned()
    }

    /// RFC 3339, in the zone it was recorded in, else in UTC.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let zone = self
            .zone
            .and_then(|minutes| UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok())
            .unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp(self.seconds)
            .ok()
            .and_then(|utc| utc.replace_nanosecond(self.nanos).ok())
            .and_then(|utc| utc.checked_to_offset(zone))
            .and_then(|local| local.format(&Rfc3339).ok())
            .unwrap_or_else(|| format!("@{}", self.seconds))
    }

    /// As the standard library counts time.
    #[must_use]
    pub fn to_system(self) -> Option<std::time::SystemTime> {
        let whole = std::time::Duration::from_secs(self.seconds.unsigned_abs());
        let base = if self.seconds >= 0 {
            std::time::UNIX_EPOCH.checked_add(whole)?
        } else {
            std::time::UNIX_EPOCH.checked_sub(whole)?
        };
        base.checked_add(std::time::Duration::from_nanos(self.nanos.into()))
    }

    /// From the standard library's time.
    #[must_use]
    pub fn from_system(time: std::time::SystemTime) -> Self {
        // Some file systems hold times of any year; they are no reason to panic.
        let seconds = |since: std::time::Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let (seconds, nanos) = match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => (seconds(since), since.subsec_nanos()),
            Err(before) => {
                let until = before.duration();
                match until.subsec_nanos() {
                    0 => (-seconds(until), 0),
                    nanos => ((-seconds(until)).saturating_sub(1), 1_000_000_000 - nanos),
                }
            }
        };
        Self { seconds, nanos, zone: Some(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_moves_the_instant_and_stays_visible() {
        let fields = Fields { year: 2024, month: 2, day: 29, hour: 12, zone: Some(-90), ..Fields::default() };
        let time = Timestamp::from_fields(fields).unwrap();
        assert_eq!(time.rfc3339(), "2024-02-29T12:00:00-01:30");
        let utc = Timestamp { zone: None, ..time };
        assert_eq!(utc.rfc3339(), "2024-02-29T13:30:00Z");
    }

    #[test]
    fn a_day_that_never_was_is_no_time() {
        let fields = Fields { year: 2023, month: 2, day: 29, ..Fields::default() };
        assert_eq!(Timestamp::from_fields(fields), None);
        assert_eq!(Timestamp::from_fields(Fields::default()), None);
    }

    #[test]
    fn a_time_before_1970_goes_to_the_system_and_back() {
        let time = Timestamp { seconds: -86_400, nanos: 5, zone: Some(0) };
        assert_eq!(Timestamp::from_system(time.to_system().unwrap()), time);
        let whole = Timestamp { nanos: 0, ..time };
        assert_eq!(Timestamp::from_system(whole.to_system().unwrap()), whole);
    }

    #[test]
    fn a_year_beyond_all_calendars_is_kept_and_shown_as_seconds() {
        for seconds in [999_999_999_999, -999_999_999_999] {
            let time = Timestamp { seconds, nanos: 7, zone: Some(0) };
            let Some(system) = time.to_system() else { continue };
            assert_eq!(Timestamp::from_system(system), time);
            assert_eq!(time.rfc3339(), format!("@{seconds}"));
        }
    }
}
