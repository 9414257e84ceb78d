"""The Debian archive is found in whatever form a machine's apt sources have."""

from pathlib import Path

import pytest

from asterisk_config.apt_sources import Archive, debian_archives

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@pytest.fixture
def etc_apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_deb822(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d/debian.sources").write_text(
        "Types: deb\n"
        "# http://snapshot.example/comment\n"
        "URIs: http://archive.example/debian\n"
        "Suites: bookworm bookworm-updates\n"
        f"Components: main\nSigned-By: {KEYRING}\n"
        "\n"
        "Types: deb\nURIs: http://archive.example/debian-security\n"
        f"Suites: bookworm-security\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    assert debian_archives(etc_apt) == [Archive("http://archive.example/debian", KEYRING)]


def test_one_line_with_and_without_options(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb http://archive.example/debian/ trixie main contrib  # the usual\n"
        "deb-src http://source.example/debian trixie main\n"
        f"deb [arch=amd64 signed-by={KEYRING}] https://mirror.example/debian trixie main\n"
    )
    assert debian_archives(etc_apt) == [
        Archive("https://mirror.example/debian", KEYRING),
        Archive("http://archive.example/debian", None),
    ]


def test_other_vendors_do_not_count(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d/vendor.list").write_text(
        "deb https://vendor.example/repo nodistro main\n"
        "deb https://other.example/apt bookworm stable\n"
        "deb cdrom:[Debian GNU/Linux 12]/ bookworm main\n"
    )
    assert debian_archives(etc_apt) == []


def test_disabled_and_foreign_files_do_not_count(etc_apt: Path) -> None:
    stanza = "Types: deb\nURIs: http://archive.example/debian\nSuites: sid\nComponents: main\n"
    (etc_apt / "sources.list.d/off.sources").write_text(f"Enabled: no\n{stanza}")
    (etc_apt / "sources.list.d/debian.sources.save").write_text(stanza)
    (etc_apt / "sources.list.d/source.sources").write_text(stanza.replace("deb\n", "deb-src\n", 1))
    assert debian_archives(etc_apt) == []


def test_folded_fields_and_an_embedded_key(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d/debian.sources").write_text(
        "Types: deb deb-src\nURIs:\n http://one.example/debian\n http://two.example/debian\n"
        "Suites: sid\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n"
    )
    assert [archive.uri for archive in debian_archives(etc_apt)] == [
        "http://one.example/debian",
        "http://two.example/debian",
    ]
    assert {archive.keyring for archive in debian_archives(etc_apt)} == {None}


def test_an_address_is_given_once(etc_apt: Path) -> None:
    line = "deb http://archive.example/debian {} main\n"
    (etc_apt / "sources.list").write_text(line.format("bookworm") + line.format("sid"))
    assert len(debian_archives(etc_apt)) == 1


def test_no_sources_at_all(tmp_path: Path) -> None:
    assert debian_archives(tmp_path / "nowhere") == []
