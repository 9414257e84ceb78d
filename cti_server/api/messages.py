"""What a code means, for people, in English and in Chinese: one catalogue for sockets and HTTP."""

from __future__ import annotations

from typing import Literal

from cti_server.errors import CtiError

Language = Literal["en", "zh-CN"]

MESSAGES: dict[str, tuple[str, str]] = {
    # the envelope
    "parse_error": ("The message is not JSON", "消息不是合法的 JSON"),
    "invalid_request": ("The message is not a JSON-RPC 2.0 request", "消息不是 JSON-RPC 2.0 请求"),
    "batch_not_supported": (
        "One request per message; arrays are not accepted",
        "每条消息只能有一个请求,不接受数组",
    ),
    "binary_frame": ("Requests are text frames, not binary ones", "请求必须是文本帧,不能是二进制帧"),
    "invalid_request_id": (
        "The id must be a string of 1 to 64 characters without control characters",
        "id 必须是 1 到 64 个字符的字符串,且不含控制字符",
    ),
    "message_too_large": ("The message is too large", "消息过大"),
    "unknown_method": ("No such method", "没有这个方法"),
    "invalid_params": (
        "Some parameters are missing, unknown or of the wrong type",
        "参数缺失、未知或类型错误",
    ),
    "control_characters": ("A text holds control characters", "文本中含有控制字符"),
    # the session
    "session_not_open": ("Open the session first", "请先打开会话"),
    "session_already_open": ("The session is already open", "会话已经打开"),
    "rate_limited": ("Too many requests a second", "请求过于频繁"),
    "too_many_requests": ("Too many requests are waiting for their outcome", "等待结果的请求过多"),
    "too_many_sessions": ("The agent has too many sessions open", "该坐席打开的会话过多"),
    "origin_not_allowed": ("This page may not open a socket here", "此页面来源不被允许"),
    "unsupported_subprotocol": ("The subprotocol is cti.v1", "子协议应为 cti.v1"),
    "server_stopping": ("The server is stopping; connect again", "服务器正在停止,请重新连接"),
    "taken_over": ("Another session took the seat over", "座席已被另一会话接管"),
    "revoked": ("The session was revoked", "会话已被撤销"),
    "session_open_timeout": ("The session was not opened in time", "未在规定时间内打开会话"),
    "too_slow": ("The client does not read what is sent", "客户端接收过慢"),
    # who it is
    "invalid_credentials": ("Wrong agent id or password", "工号或密码错误"),
    "account_locked": ("Too many failures; the account is locked for a while", "失败次数过多,账号已暂时锁定"),
    "invalid_token": ("The token is missing, wrong, expired or used", "令牌缺失、错误、过期或已使用"),
    "auth_store_unavailable": ("Signing in is not possible at the moment", "暂时无法登录"),
    # HTTP
    "unknown_path": ("No such resource", "资源不存在"),
    "method_not_allowed": ("The resource does not have this method", "资源不支持此方法"),
    "body_too_large": ("The request body is too large", "请求体过大"),
    "request_timeout": ("The request did not come to its end in time", "请求未在规定时间内传完"),
    "unsupported_media_type": (
        "The body is of another type than this resource takes",
        "请求体的类型不是该资源接受的类型",
    ),
    "bad_http_request": ("The request is not acceptable", "请求无法接受"),
    "not_ready": ("Something that the server needs is not there", "服务器所需的依赖未就绪"),
    "invalid_cursor": ("The cursor is not one of ours", "游标无效"),
    # settings
    "settings_refused": ("The settings cannot be used", "设置无法使用"),
    "group_without_agents": (
        "Nobody is in this group: whoever waits in it waits in vain",
        "该技能组没有坐席,排队的客户将无人接听",
    ),
    "skill_nobody_has": (
        "Nobody in the group has what it requires: whoever waits in it waits in vain",
        "组内没有坐席具备所要求的技能,排队的客户将无人接听",
    ),
    "sound_missing": (
        "A PBX node does not have this sound: callers hear nothing there",
        "PBX 节点上没有该语音文件,客户将听不到提示",
    ),
    "ring_ahead_without_effect": (
        "No phone is rung ahead: the group has a preference time, or no number without greeting and menu",
        "提前振铃不会生效:该组设置了优先等待时间,或没有既无问候语又无菜单的服务号码",
    ),
    "no_groups": ("There must be at least one group", "至少要有一个技能组"),
    "number_without_target": ("A service number would have no target", "服务号码将没有目标技能组"),
    "agent_not_in_directory": (
        "The settings name somebody who is not in the directory",
        "设置中的坐席不在通讯录中",
    ),
    "overflow_without_target": (
        "A queue is to overflow and it is not said where to",
        "溢出条件没有目标技能组",
    ),
    "overflow_loop": ("The overflow goes round in a circle", "溢出路径形成循环"),
    "invalid_menu": (
        "A menu names an unknown group or menu, a key twice, or leads nowhere",
        "语音菜单引用了不存在的组或菜单、按键重复或没有去向",
    ),
    "invalid_group_id": (
        "A group's id must be a-z, 0-9 and _, and begin with a letter",
        "技能组编号只能用 a-z、0-9 和 _,以字母开头",
    ),
    "invalid_announcements": (
        "Too frequent announcements, or a call-back that is never offered",
        "播报过于频繁,或回拨永远不会被提示",
    ),
    "invalid_hours": ("The business hours make no sense", "营业时间设置不合理"),
    "invalid_holiday": ("A holiday is no day of the calendar", "节假日日期无效"),
    "version_conflict": (
        "Somebody else changed the settings meanwhile; read them again",
        "设置已被他人修改,请重新读取",
    ),
    "precondition_required": ("Say by If-Match which version you change", "请用 If-Match 指明所改的版本"),
    "unknown_setting": ("The settings have no such entry", "设置中没有这一项"),
    "unknown_version": ("No such version", "没有这个版本"),
    # what the centre refuses
    "unknown_agent": ("No such agent", "没有这个坐席"),
    "not_signed_in": ("Sign in first", "请先签到"),
    "already_signed_in": (
        "Already signed in elsewhere; sign out there or take the seat over",
        "已在别处签到,请先签退或接管座席",
    ),
    "wrong_role": ("Your roles do not allow this", "您的角色无权执行此操作"),
    "unknown_station": ("No such station", "没有这个话机"),
    "station_not_registered": ("The station's phone is not registered", "话机未注册"),
    "station_in_use": ("Another agent is signed in at the station", "话机已被其他坐席使用"),
    "station_no_answer": ("The station's phone did not answer", "话机未应答"),
    "unknown_contact": ("No such contact", "没有这个联络"),
    "range_reversed": ("The report would end before it begins", "报表的结束时间早于开始时间"),
    "range_too_long": ("The report covers too many days", "报表时间范围过长"),
    "not_your_contact": ("The contact is another agent's", "该联络属于其他坐席"),
    "action_not_allowed": ("Not possible in the present state", "当前状态不允许此操作"),
    "contact_in_progress": ("Finish the contact first", "请先结束当前联络"),
    "data_too_large": ("The contact carries too much data already", "随路数据已达上限"),
    "held_at_phone": (
        "The phone itself holds the call; retrieve it there",
        "话机自身保持了通话,请在话机上取回",
    ),
    "identity_check_running": (
        "The customer is being identified; take it back first",
        "客户正在进行身份验证,请先取回",
    ),
    "request_id_reused": ("The request id was used for something else", "请求编号已用于其他请求"),
    "operation_pending": ("An earlier command is still under way", "前一个操作尚未完成"),
    "contact_ended": ("The contact ended before it took effect", "联络已先行结束"),
    "unknown_group": ("No such group", "没有这个技能组"),
    "agent_not_available": ("The agent cannot be reached now", "该坐席当前不可用"),
    "target_is_self": ("That is yourself", "目标不能是自己"),
    "already_consulting": ("A consultation is under way", "已在咨询中"),
    "conference_full": ("The conference is full", "会议人数已满"),
    "consult_not_connected": ("The consulted party has not answered", "被咨询方尚未接通"),
    "consult_ended": ("The consultation has ended", "咨询已结束"),
    "unknown_leg": ("The contact has no such party", "联络中没有该参与方"),
    "leg_not_droppable": ("Only the consulted party can be dropped", "只能移除被咨询方"),
    "not_your_group": ("Not one of your groups", "不属于您管理的技能组"),
    "nothing_to_supervise": ("There is no conversation to supervise", "没有可监控的通话"),
    "already_supervising": ("You are supervising already; stop first", "您正在监控,请先停止"),
    "not_supervising": ("You are not supervising", "您未在监控"),
    "number_not_allowed": ("This number may not be called", "该号码不允许呼叫"),
    "agent_cap_reached": ("You have made too many outside calls this hour", "本小时外呼次数已达上限"),
    "centre_cap_reached": (
        "Too many outside calls this minute; try again",
        "当前分钟外呼次数已达上限,请稍后重试",
    ),
    # campaigns
    "unknown_voicemail": ("No message was left in that contact", "该联络没有留言"),
    "voicemail_audio_missing": ("The recording is not there yet; try again", "录音尚未就绪,请稍后再试"),
    "voicemail_of_another_group": (
        "The message, or the agent, belongs to another group",
        "该留言或该坐席属于其他组",
    ),
    "voicemail_taken": (
        "Another agent works on the message, or it is done with",
        "该留言已由其他坐席处理或已办结",
    ),
    "unknown_campaign": ("No such campaign", "没有这个外呼活动"),
    "campaign_state": ("The campaign's state does not allow this", "外呼活动的当前状态不允许此操作"),
    "caller_id_not_allowed": ("Not one of the centre's own numbers", "不是本中心的号码,不能作为主叫显示"),
    "end_in_the_past": ("The campaign's end is over", "外呼活动的结束时间已过"),
    "region_in_use": (
        "Records that may still be called belong to a region without calling hours",
        "仍有待呼叫记录属于未设置外呼时段的地区",
    ),
    "import_given_up": (
        "The import took too long and was given up; send the file again",
        "导入超时已放弃,请重新上传文件",
    ),
    "unknown_import": ("No such import", "没有这次导入"),
    "empty_list": ("The file is empty", "文件为空"),
    "missing_column": ("The first line names no column for the number", "首行没有号码列"),
    "not_a_number": ("Not a telephone number", "不是电话号码"),
    "not_listed": ("The number is not on the do-not-call list", "该号码不在免打扰名单中"),
    "campaign_not_preview": (
        "The campaign is not running in preview mode",
        "外呼活动未以预览模式运行",
    ),
    "unknown_record": ("No such record in your hands", "您手中没有这条外呼记录"),
    "medium_not_set_up": ("The centre has no provider for this medium", "本中心未配置该渠道"),
    "bad_address": ("Not an address of this medium", "不是该渠道的有效地址"),
    "unknown_message": ("No such message", "没有这条消息"),
    "message_not_sent": ("The provider did not take the message", "服务商未接收该消息"),
    "message_rejected": ("The provider rejects the message", "服务商拒绝该消息"),
    "message_perhaps_sent": ("Not known whether the message arrived", "无法确定消息是否送达"),
    "message_unclaimed": ("Another server has the message", "消息已由另一台服务器处理"),
    "nothing_to_call": ("No record may be called now", "当前没有可外呼的记录"),
    "sign_in_withdrawn": ("The sign-in was given up", "签到已取消"),
    "refused": ("Refused", "已拒绝"),
    # what is away
    "outcome_unknown": (
        "Not known whether it was done; the state follows by events",
        "结果未知,最终状态以事件为准",
    ),
    "pbx_unavailable": ("The PBX is out of reach; nothing was done", "交换机不可用,操作未执行"),
    "pbx_refused": ("The PBX refused", "交换机拒绝了操作"),
    "pbx_login_refused": ("The PBX does not accept the server's login", "交换机拒绝服务器登录"),
    "pbx_protocol_error": ("The PBX broke its protocol", "交换机协议错误"),
    "agi_hangup": ("The channel is gone", "通道已挂断"),
    "agi_command_failed": ("The PBX could not carry out a dialplan command", "交换机未能执行拨号计划命令"),
    "agi_protocol_error": ("The PBX broke its dialplan protocol", "交换机拨号计划协议错误"),
    "peer_fault": ("The other side broke its protocol", "对端协议错误"),
    "not_leader": ("Another server leads; try again", "当前由另一台服务器主控,请重试"),
    "journal_corrupt": ("The journal cannot be read", "日志存储内容无法读取"),
    "journal_unavailable": ("The journal is out of reach; nothing was done", "日志存储不可用,操作未执行"),
    "overloaded": ("The server is overloaded; nothing was done", "服务器过载,操作未执行"),
    "database_unavailable": ("The database is out of reach", "数据库不可用"),
    "database_schema_outdated": ("The database is not up to date", "数据库结构未更新"),
    "record_refused": ("The database refuses a record", "数据库拒绝了记录"),
    "record_not_serialisable": ("A record cannot be written", "记录无法写入"),
    "outbox_unavailable": ("The local journal cannot be written", "本地日志无法写入"),
    "outbox_locked": ("Another process writes the local journal", "本地日志被其他进程占用"),
    # ours
    "invalid_field": ("A value cannot be passed on", "字段值无法传递"),
    "illegal_transition": ("Not possible in the present state", "当前状态不允许此变化"),
    "domain_error": ("The centre could not do it", "系统未能执行"),
    "internal_error": ("Something went wrong in the server", "服务器内部错误"),
}
"""Code → (English, Chinese)."""


def title(code: str, language: Language) -> str:
    """The text of a code; that of `internal_error` for one that is not in the catalogue."""
    english, chinese = MESSAGES.get(code, MESSAGES["internal_error"])
    return chinese if language == "zh-CN" else english


def specific(error: CtiError, language: Language) -> str | None:
    """What the error says beyond its code; English only, so None in any other language."""
    text = str(error)
    return text if language == "en" and text != error.code else None


def text_of(error: CtiError, language: Language) -> str:
    """One line about the error: the most specific text there is in the language."""
    return specific(error, language) or title(error.code, language)


def preferred(accept_language: str | None) -> Language:
    """The language of an `Accept-Language` header (RFC 9110): Chinese if it is wanted more, else English."""
    weights = {"zh": 0.0, "en": 0.0}
    for item in (accept_language or "")[:256].split(","):
        tag, _, parameter = item.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in weights:
            weights[language] = max(weights[language], _quality(parameter))
    return "zh-CN" if weights["zh"] > weights["en"] else "en"


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
