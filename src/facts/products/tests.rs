use super::*;

fn names(text: &str) -> Vec<String> {
    let facts = Facts::compiled();
    let question = facts.understand(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut names: Vec<String> = Vec::new();
    for build in facts.answers(&question) {
        if !names.contains(&build.product) {
            names.push(build.product.clone());
        }
    }
    names
}

#[test]
fn a_product_is_known_by_the_words_people_use() {
    let cases = [
        ("exchange 2007", "Exchange Server 2007"),
        ("Exchange Server 2007", "Exchange Server 2007"),
        ("ex2007", "Exchange Server 2007"),
        ("exch2010", "Exchange Server 2010"),
        ("exchange 5.5", "Exchange Server 5.5"),
        ("exchange 2000", "Exchange 2000 Server"),
        ("exchange se", "Exchange Server SE"),
        ("sql 2019", "SQL Server 2019"),
        ("sql2019", "SQL Server 2019"),
        ("SQL Server 2008", "SQL Server 2008"),
        ("sql 2008 r2", "SQL Server 2008 R2"),
        ("sql2008r2", "SQL Server 2008 R2"),
        ("microsoft sql server 2022", "SQL Server 2022"),
        ("win11", "Windows 11"),
        ("windows 8.1", "Windows 8.1"),
        ("windows 8", "Windows 8"),
        ("server 2022", "Windows Server 2022"),
        ("server2012r2", "Windows Server 2012 R2"),
        ("win2003", "Windows Server 2003"),
        ("windows 2000", "Windows 2000"),
        ("vista", "Windows Vista"),
        ("nt 4.0", "Windows NT"),
        ("sharepoint 2016", "SharePoint Server 2016"),
        ("sp2016", "SharePoint Server 2016"),
        ("sharepoint se", "SharePoint Server Subscription Edition"),
        ("vs2022", "Visual Studio 2022"),
        ("visual studio 2010", "Visual Studio 2010"),
        ("office 2016", "Office 2016"),
        (".net framework", ".NET Framework"),
        ("dotnet", ".NET Framework"),
        ("debian", "Debian"),
        ("fedora", "Fedora Linux"),
        ("red hat", "Red Hat Enterprise Linux"),
        ("esxi", "VMware ESXi"),
    ];
    for (text, product) in cases {
        assert_eq!(names(text), [product], "{text}");
    }
}

#[test]
fn a_release_is_part_of_the_question() {
    let facts = Facts::compiled();
    let first = |text: &str| {
        let question = facts.understand(text).unwrap();
        facts.answers(&question).iter().map(|build| build.name()).collect::<Vec<_>>()
    };
    assert_eq!(first("windows 11 24h2"), ["Windows 11 24H2"]);
    assert_eq!(first("win10_21h2"), ["Windows 10 21H2"]);
    assert_eq!(first("exchange 2007 sp1 ru4"), ["Exchange Server 2007 SP1 RU4"]);
    assert!(first("exchange 2007 sp1").len() > 5);
}

#[test]
fn a_number_is_what_is_left() {
    let facts = Facts::compiled();
    let number = |text: &str| {
        let question = facts.understand(text).unwrap();
        (question.family, question.reading.map(|reading| reading.version.to_string()))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(number("10.0.20348"), (None, some("10.0.20348")));
    assert_eq!(number("exchange 8.3.83.6"), (Some("exchange"), some("8.3.83.6")));
    assert_eq!(number("exchange 2007 08.03.0083.006"), (Some("exchange"), some("8.3.83.6")));
    assert_eq!(number("exchange Version 15.1 (Build 32507.6)"), (Some("exchange"), some("15.1.2507.6")));
    assert_eq!(number("Version 15.1 (Build 32507.6)"), (None, some("15.1.2507.6")));
    assert_eq!(
        number("sql 2011.0110.2100.060 ((SQL11_RTM).120210-1846 )"),
        (Some("sqlserver"), some("11.0.2100.60"))
    );
    assert_eq!(number("esxi 24677879"), (Some("esxi"), some("24677879")));
    assert_eq!(number("esxi 7"), (Some("esxi"), some("7")));
    assert_eq!(number("windows 20348"), (Some("windows"), some("20348")));
    assert_eq!(number("ubuntu 22.04"), (Some("linux"), some("22.4")));
    assert_eq!(number("vs 17.8"), (Some("visualstudio"), some("17.8")));
    assert_eq!(number("exchange 2019"), (Some("exchange"), None));
}

#[test]
fn a_word_that_is_not_known_is_answered_with_the_nearest() {
    let facts = Facts::compiled();
    let similar = |text: &str| match facts.understand(text).unwrap_err().kind() {
        crate::error::Kind::NotFound { similar, .. } => similar.clone(),
        kind => panic!("{kind:?}"),
    };
    assert_eq!(similar("exchnge 2007").as_deref(), Some("exchange"));
    assert_eq!(similar("exchange 20O7").as_deref(), Some("2007"));
    assert_eq!(similar("wndows").as_deref(), Some("windows"));
    assert_eq!(similar("zzzzzzzzzz"), None);
    assert_eq!(similar(""), None);
}

#[test]
fn a_footnote_glued_to_a_number_is_said_15_0_1497_2415() {
    let error = Facts::compiled().understand("exchange 15.0.1497.2415").unwrap_err();
    let crate::error::Kind::NotFound { wanted, similar } = error.kind() else { panic!("{error}") };
    assert!(wanted.contains("footnote"), "{wanted}");
    assert_eq!(similar.as_deref(), Some("15.0.1497.24"));
}
