use super::*;
use proptest::prelude::*;

/// What a name says, in one line: product, release, refresh, build, side, platforms, editions, channel, language, checked,
/// number.
fn says(name: &str) -> String {
    let Some(found) = read_file_name(name) else { return String::new() };
    let mut parts = Vec::new();
    parts.extend(found.product);
    parts.extend(found.release);
    parts.extend(found.refresh.map(|refresh| format!("refresh {refresh}")));
    parts.extend(found.build.map(|build| format!("build {build}")));
    parts.extend(found.side.map(str::to_owned));
    parts.extend(found.platforms.iter().map(|&platform| platform.to_owned()));
    parts.extend(found.editions);
    parts.extend(found.channel.map(str::to_owned));
    parts.extend(found.language);
    parts.extend(found.checked.then(|| "checked".to_owned()));
    parts.extend(found.number);
    parts.join(", ")
}

#[test]
fn names_of_subscriber_downloads() {
    let cases = [
        ("mu_exchange_server_2013_x64_dvd_1112105.iso", "Exchange Server 2013, x64, mul, 1112105"),
        (
            "mu_exchange_server_2013_with_sp1_x64_dvd_4059293.iso",
            "Exchange Server 2013, SP1, x64, mul, 4059293",
        ),
        ("mu_exchange_server_2016_x64_dvd_7047456.iso", "Exchange Server 2016, x64, mul, 7047456"),
        ("mu_exchange_server_2019_x64_dvd_5fa4d915.iso", "Exchange Server 2019, x64, mul, 5fa4d915"),
        ("mu_exchange_server_2010_service_pack_2_x64.exe", "Exchange Server 2010, SP2, x64, mul"),
        ("en_windows_7_ultimate_with_sp1_x64_dvd_u_677332.iso", "Windows 7, SP1, x64, Ultimate, en, 677332"),
        (
            "en_windows_7_home_premium_n_x64_dvd_x16-13459.iso",
            "Windows 7, x64, Home Premium N, en, X16-13459",
        ),
        (
            "en_windows_8_1_enterprise_n_debug_checked_x64_dvd_2942525.iso",
            "Windows 8.1, x64, Enterprise N, en, checked, 2942525",
        ),
        (
            "en_windows_8.1_pro_vl_with_update_x86_dvd_6050918.iso",
            "Windows 8.1, with Update, x86, Professional, volume, en, 6050918",
        ),
        ("en-gb_windows_8_pro_vl_x86_dvd_917831.iso", "Windows 8, x86, Professional, volume, en-GB, 917831"),
        (
            "en_windows_10_education_n_version_1511_updated_apr_2016_x64_dvd_8705540.iso",
            "Windows 10, 1511, x64, Education N, en, 8705540",
        ),
        (
            "en_windows_10_enterprise_2015_ltsb_x64_dvd_6848446.iso",
            "Windows 10, LTSB 2015, x64, Enterprise, en, 6848446",
        ),
        (
            "en_windows_10_business_editions_version_21h1_updated_may_2021_x64_dvd_8c0a1cd9.iso",
            "Windows 10, 21H1, x64, volume, en, 8c0a1cd9",
        ),
        (
            "en-us_windows_11_consumer_editions_version_22h2_x64_dvd_e630fafd.iso",
            "Windows 11, 22H2, x64, retail, en-US, e630fafd",
        ),
        (
            "en_windows_server_2008_r2_standard_enterprise_datacenter_and_web_with_sp1_x64_dvd_617601.iso",
            "Windows Server 2008 R2, SP1, x64, Standard, Enterprise, Datacenter, Web, en, 617601",
        ),
        (
            "en_windows_server_2008_r2_with_sp1_for_itanium_based_systems_ia64_dvd_617558.iso",
            "Windows Server 2008 R2, SP1, ia64, en, 617558",
        ),
        ("en_windows_server_2016_x64_dvd_9718492.iso", "Windows Server 2016, x64, en, 9718492"),
        ("en_windows_server_2003_sp2_ia64_cd.iso", "Windows Server 2003, SP2, ia64, en"),
        (
            "en_win_srv_2003_r2_enterprise_x64_with_sp2_cd2_X13-68588.iso",
            "Windows Server 2003 R2, SP2, x64, Enterprise, en, X13-68588",
        ),
        (
            "en_windows_vista_business_with_service_pack_1_x64_dvd_x14-56048.iso",
            "Windows Vista, SP1, x64, Business, en, X14-56048",
        ),
        (
            "cs_windows_xp_professional_with_service_pack_3_x86_cd_x14-80416.iso",
            "Windows XP, SP3, x86, Professional, cs, X14-80416",
        ),
        (
            "en_microsoft_hyper-v_server_2012_r2_x64_dvd_2708236.iso",
            "Windows Server 2012 R2, x64, Hyper-V, en, 2708236",
        ),
        ("en_winxp_pro_with_sp2.iso", "Windows XP, SP2, Professional, en"),
        (
            "en_sql_server_2012_enterprise_edition_with_service_pack_1_x64_dvd_1227976.iso",
            "SQL Server 2012, SP1, x64, Enterprise, en, 1227976",
        ),
        (
            "en_sql_server_2008_r2_developer_x86_x64_ia64_dvd_522665.iso",
            "SQL Server 2008 R2, x86, x64, ia64, Developer, en, 522665",
        ),
        (
            "en_office_professional_plus_2016_x86_x64_dvd_6962141.iso",
            "Office 2016, x86, x64, Professional, en, 6962141",
        ),
        (
            "en_visual_studio_enterprise_2015_x86_x64_dvd_6850497.iso",
            "Visual Studio 2015, x86, x64, Enterprise, en, 6850497",
        ),
        ("en_sharepoint_server_2016_x64_dvd_8419458.iso", "SharePoint Server 2016, x64, en, 8419458"),
    ];
    for (name, expected) in cases {
        assert_eq!(says(name), expected, "{name}");
    }
}

#[test]
fn names_of_volume_licensing() {
    let cases = [
        (
            "SW_DVD9_Win_Pro_10_20H2.13_64BIT_English_Pro_Ent_EDU_N_MLF_X22-92628.iso",
            "Windows 10, 20H2, refresh 13, x64, Professional N, Enterprise N, Education N, volume, en, X22-92628",
        ),
        (
            "SW_DVD9_Win_Pro_10_2004.5_64BIT_English_Pro_Ent_EDU_N_MLF_-2_X22-40506.iso",
            "Windows 10, 2004, refresh 5, x64, Professional N, Enterprise N, Education N, volume, en, X22-40506",
        ),
        (
            "SW_DVD5_WIN_ENT_LTSC_2019_64BIT_English_-2_MLF_X22-05056.iso",
            "Windows 10, LTSC 2019, x64, Enterprise, volume, en, X22-05056",
        ),
        (
            "SW_DVD9_Win_Server_STD_CORE_1803_64Bit_English_-2_DC_STD_MLF_X21-79707.iso",
            "Windows Server, 1803, x64, Standard, Datacenter, volume, en, X21-79707",
        ),
        (
            "SW_DVD9_Win_Server_STD_CORE_2019_1809.18_64Bit_English_DC_STD_MLF_X22-74330.iso",
            "Windows Server 2019, 1809, refresh 18, x64, Standard, Datacenter, volume, en, X22-74330",
        ),
        (
            "SW_DVD9_Win_Server_STD_CORE_2022_2108.3_64Bit_English_DC_STD_MLF_X22-94021.iso",
            "Windows Server 2022, 2108, refresh 3, x64, Standard, Datacenter, volume, en, X22-94021",
        ),
        (
            "SW_DVD9_Win_Server_STD_CORE_2025_24H2_64Bit_English_DC_STD_MLF_X23-81891.iso",
            "Windows Server 2025, 24H2, x64, Standard, Datacenter, volume, en, X23-81891",
        ),
        (
            "SW_DVD5_WIN_ENT_10_1607_64BIT_English_MLF_X21-07102.iso",
            "Windows 10, 1607, x64, Enterprise, volume, en, X21-07102",
        ),
        (
            "SW_DVD5_Office_Professional_Plus_2016_64Bit_English_MLF_X20-42432.ISO",
            "Office 2016, x64, Professional, volume, en, X20-42432",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(says(name), expected, "{name}");
    }
}

#[test]
fn names_that_begin_with_a_build() {
    let cases = [
        (
            "9200.16384.WIN8_RTM.120725-1247_X64FRE_SERVER_EVAL_EN-US-HRM_SSS_X64FREE_EN-US_DV5.ISO",
            "build 6.2.9200.16384, server, x64, evaluation, en-US",
        ),
        (
            "14393.0.160715-1616.RS1_RELEASE_CLIENTENTERPRISE_S_EVAL_X64FRE_EN-US.ISO",
            "build 10.0.14393.0, client, x64, Enterprise, evaluation, en-US",
        ),
        (
            "26100.1742.240906-0331.ge_release_svc_refresh_CLIENTENTERPRISEEVAL_OEMRET_x64FRE_en-us.iso",
            "build 10.0.26100.1742, client, x64, Enterprise, evaluation, en-US",
        ),
        (
            "20348.169.210806-2348.fe_release_svc_refresh_SERVER_EVAL_x64FRE_en-us.iso",
            "build 10.0.20348.169, server, x64, evaluation, en-US",
        ),
        (
            "22621.1702.230505-1222.ni_release_svc_refresh_CLIENTCONSUMER_RET_x64FRE_en-us.esd",
            "build 10.0.22621.1702, client, x64, retail, en-US",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(says(name), expected, "{name}");
    }
}

#[test]
fn names_of_public_downloads() {
    let cases = [
        ("Win11_24H2_English_x64.iso", "Windows 11, 24H2, x64, en"),
        ("Win11_24H2_EnglishInternational_Arm64.iso", "Windows 11, 24H2, arm64, en-GB"),
        ("Win11_22H2_Chinese_Simplified_x64v1.iso", "Windows 11, 22H2, x64, zh-CN"),
        ("Win10_1809Oct_v2_English_x64.iso", "Windows 10, 1809, x64, en"),
        ("Win10_21H2_German_x32.iso", "Windows 10, 21H2, x86, de"),
        ("SQLServer2019-x64-ENU.iso", "SQL Server 2019, x64, en-US"),
        ("SQLServer2022-x64-ENU-Dev.iso", "SQL Server 2022, x64, Developer, en-US"),
        ("ExchangeServer2019-x64-CU14.ISO", "Exchange Server 2019, CU14, x64"),
        ("Exchange2013-x64-cu23.exe", "Exchange Server 2013, CU23, x64"),
        (
            "VMware-VMvisor-Installer-8.0U3e-24677879.x86_64.iso",
            "VMware ESXi, 8.0 Update 3e, build 8.0.3.24677879, x64",
        ),
        ("ubuntu-22.04.3-live-server-amd64.iso", "Ubuntu, 22.04.3, build 22.4.3, x64"),
        ("debian-12.5.0-amd64-netinst.iso", "Debian, 12.5.0, build 12.5.0, x64"),
        ("Fedora-Server-dvd-x86_64-39-1.5.iso", "Fedora Linux, 39, build 39, x64"),
        ("rhel-9.3-x86_64-dvd.iso", "Red Hat Enterprise Linux, 9.3, build 9.3, x64"),
    ];
    for (name, expected) in cases {
        assert_eq!(says(name), expected, "{name}");
    }
}

#[test]
fn win11_24h2_is_a_release_and_not_version_eleven_of_anything() {
    let found = read_file_name("Win11_24H2_English_x64.iso").unwrap();
    assert_eq!((found.release.as_deref(), found.build), (Some("24H2"), None));
}

#[test]
fn names_that_say_nothing() {
    for name in [
        "",
        "setup.exe",
        "disc1.iso",
        "download (1).iso",
        "2019.iso",
        "x64.iso",
        "en_us.iso",
        "a/b/c",
        "WINDOWS.ISO",
    ] {
        assert_eq!(says(name), "", "{name}");
    }
    assert_eq!(read_file_name(&"windows_10_".repeat(100)), None);
}

#[test]
fn folders_before_a_name_do_not_count() {
    assert_eq!(
        read_file_name("/srv/windows_7/Win11_24H2_English_x64.iso"),
        read_file_name("Win11_24H2_English_x64.iso")
    );
}

proptest! {
    #[test]
    fn any_name_is_read_without_harm(name in "\\PC{0,300}") {
        let _ = read_file_name(&name);
    }

    #[test]
    fn names_of_known_words_are_read_without_harm(
        words in prop::collection::vec(
            prop_oneof![
                Just("win"), Just("windows"), Just("server"), Just("8"), Just("1"), Just("20h2.13"), Just("ltsc"),
                Just("service"), Just("pack"), Just("with"), Just("update"), Just("esxi"), Just("8.0u"), Just("en-us"),
                Just("x22-"), Just("9200.16384.win8_rtm.120725-1247"), Just("ä"), Just("2019"), Just("sp"), Just("n"),
            ],
            0..8,
        )
    ) {
        let _ = read_file_name(&words.join("_"));
    }
}
