"""What a node says, in each language, and how the sound files are made with espeak-ng."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from asterisk_config.errors import PromptError

PROMPTS: dict[str, dict[str, str]] = {
    "welcome": {
        "zh": "您好，欢迎致电远程银行。",
        "en": "Welcome to remote banking.",
    },
    "please_wait": {
        "zh": "座席正忙，请您稍候，我们会尽快为您服务。",
        "en": "All our agents are busy. Please hold the line, we will be with you soon.",
    },
    "sorry_technical": {
        "zh": "系统正在恢复，正在为您转接人工座席，请稍候。",
        "en": "Our system is recovering. We are connecting you to an agent, please hold the line.",
    },
    "goodbye": {
        "zh": "感谢您的来电，再见。",
        "en": "Thank you for calling. Goodbye.",
    },
    "number_not_in_service": {
        "zh": "您拨打的号码不存在，请核对后再拨。",
        "en": "The number you have dialled is not in service. Please check it and dial again.",
    },
    "station_connected": {
        "zh": "话机已连接。",
        "en": "Your station is connected.",
    },
    "closed": {
        "zh": "您好，现在是非服务时间，请在服务时间内来电。",
        "en": "You are calling outside our business hours. Please call again when we are open.",
    },
    "nobody_free": {
        "zh": "您好，很抱歉，我们的客户代表暂时无法接听，打扰您了，再见。",
        "en": "Hello, this is your bank. We are sorry that nobody is free to speak to you. Goodbye.",
    },
    # the menu: "<for something>, press, <number>"
    "for_general": {"zh": "综合服务", "en": "For general services,"},
    "for_credit_card": {"zh": "信用卡服务", "en": "For credit cards,"},
    "for_elder": {"zh": "老年客户专席", "en": "For services for the elderly,"},
    "for_identity": {"zh": "身份验证", "en": "To prove your identity,"},
    "press": {"zh": "请按", "en": "press"},
    "press_0": {"zh": "人工服务，请按零。", "en": "To speak to a person, press zero."},
    "press_star": {"zh": "转人工服务，请按星号键。", "en": "Or press star to speak to a person."},
    "type_card": {
        "zh": "请输入您的卡号或客户号，以井号键结束。",
        "en": "Please enter your card or customer number, then press hash.",
    },
    "type_pin": {"zh": "请输入您的电话银行密码。", "en": "Please enter your telephone PIN."},
    "verified": {"zh": "身份验证成功。", "en": "Thank you, your identity is verified."},
    "not_verified": {
        "zh": "很抱歉，未能通过身份验证。",
        "en": "Sorry, we could not verify your identity.",
    },
    "no_input": {"zh": "没有收到您的输入。", "en": "We did not receive your entry."},
    "wrong_key": {"zh": "您的输入有误。", "en": "That is not one of the choices."},
    "connecting": {"zh": "正在为您转接人工座席。", "en": "We are connecting you to an agent."},
    "callback_offer": {
        "zh": "如需我们回电，请按一，您的排队位置将保留。",
        "en": "To be called back without losing your place, press one.",
    },
    "callback_at": {"zh": "我们将回拨以下号码：", "en": "We will call you at"},
    "callback_keys": {
        "zh": "确认请按一，更换号码请按二。",
        "en": "To confirm, press one. To give another number, press two.",
    },
    "press_0_wait": {"zh": "继续等候请按零。", "en": "To go on waiting, press zero."},
    "press_star_wait": {"zh": "继续等候请按星号键。", "en": "Or press star to go on waiting."},
    "type_number": {
        "zh": "请输入回电号码，以井号键结束。",
        "en": "Please enter the number to call, then press hash.",
    },
    "number_not_possible": {"zh": "很抱歉，无法回拨该号码。", "en": "Sorry, we cannot call that number."},
    "callback_agreed": {
        "zh": "好的，轮到您时我们将给您回电，再见。",
        "en": "We will call you when it is your turn. Goodbye.",
    },
    "leave_message": {
        "zh": "现在无人接听，请在提示后留言，按井号键结束。",
        "en": "Nobody can take your call. Please leave a message now, then press hash.",
    },
    "message_kept": {"zh": "您的留言已收到，再见。", "en": "Your message has been kept. Goodbye."},
    "message_not_kept": {
        "zh": "抱歉，您的留言未能录下，但我们已记录您的来电。再见。",
        "en": "We are sorry, your message could not be recorded, but we have noted your call. Goodbye.",
    },
    "place_before": {"zh": "您目前排在第", "en": "You are number"},
    "place_after": {"zh": "位。", "en": "in the queue."},
    "wait_before": {"zh": "预计等待", "en": "The expected wait in minutes is about"},
    "wait_after": {"zh": "分钟，感谢您的耐心等候。", "en": "Thank you for waiting."},
    "number_many": {"zh": "二十多", "en": "more than twenty"},
    **{f"number_{number}": {"zh": str(number), "en": str(number)} for number in range(21)},
    # said in their own language to everybody, before the caller's is known
    **{
        f"choose_{language}_{key}": dict.fromkeys(("zh", "en"), text)
        for language, texts in {
            "zh": ("中文服务，请按一。", "中文服务，请按二。"),
            "en": ("For service in English, press one.", "For service in English, press two."),
        }.items()
        for key, text in enumerate(texts, start=1)
    },
    "press_0_zh": dict.fromkeys(("zh", "en"), "人工服务，请按零。"),
    "press_0_en": dict.fromkeys(("zh", "en"), "For a person, press zero."),
}
"""Prompt name → language → text. A file ``<language>/<name>.wav`` of the bank's own replaces any of them."""

VOICES = {"zh": "cmn", "en": "en-gb"}
IN_ONE_LANGUAGE = {
    **{f"choose_{language}_{key}": language for language in VOICES for key in (1, 2)},
    **{f"press_0_{language}": language for language in VOICES},
}
"""Prompts that are the same for everybody, and the language they are in."""
_WORDS_PER_MINUTE = "170"


def make_prompts(folder: Path, done: Callable[[int, int], None] = lambda _made, _all: None) -> None:
    """Speak every prompt into ``folder/<language>/<name>.wav``: 8 kHz, mono, 16 bit, the rate of the trunk.

    ``done`` is told how many of how many are made.

    Raises:
        PromptError: espeak-ng or sox failed.
    """
    jobs = [(language, name, text) for name, texts in PROMPTS.items() for language, text in texts.items()]
    for count, (language, name, text) in enumerate(jobs, start=1):
        target = folder / language / f"{name}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        _speak(text, VOICES[IN_ONE_LANGUAGE.get(name, language)], target)
        done(count, len(jobs))


def _speak(text: str, voice: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="cti-prompt-") as scratch:
        spoken = Path(scratch) / "spoken.wav"
        _run(["espeak-ng", "-v", voice, "-s", _WORDS_PER_MINUTE, "-w", str(spoken), "--stdin"], text)
        _run(["sox", "-G", str(spoken), "-r", "8000", "-c", "1", "-b", "16", str(target)])


def _run(command: list[str], text: str = "") -> None:
    try:
        subprocess.run(command, input=text, capture_output=True, check=True, text=True, timeout=60)
    except FileNotFoundError:
        raise PromptError(f"{command[0]} is not installed", f"apt-get install {command[0]}") from None
    except subprocess.CalledProcessError as error:
        raise PromptError(f"{command[0]} failed: {error.stderr.strip()}") from None
    except subprocess.TimeoutExpired:
        raise PromptError(f"{command[0]} did not end") from None
