"""The app's words: one table, a row for each, in English, German and Chinese.

What went wrong is said by the project's own sentences, which are English everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Language = Literal["en", "de", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "de": "Deutsch", "zh": "中文"}


class Row(NamedTuple):
    """One word or sentence in each language."""

    en: str
    de: str
    zh: str


@dataclass(frozen=True)
class Words:
    """The table of a language; called with a key and its values."""

    language: Language

    def __call__(self, key: str, /, **values: Any) -> str:
        text: str = getattr(TABLE[key], self.language)
        return text.format(**values) if values else text


TABLE: dict[str, Row] = {
    "skip": Row(
        "Skip to the content",
        "Zum Inhalt",
        "跳到内容",
    ),
    "lessons": Row(
        "Lessons",
        "Stunden",
        "课堂",
    ),
    "language": Row(
        "Language",
        "Sprache",
        "语言",
    ),
    "light_dark": Row(
        "Light, dark or as the computer is set",
        "Hell, dunkel oder wie der Rechner",
        "浅色、深色或跟随系统",
    ),
    "steps": Row(
        "Steps of this lesson",
        "Schritte dieser Stunde",
        "本课堂的步骤",
    ),
    "not_shown": Row(
        "This cannot be shown",
        "Das lässt sich nicht zeigen",
        "无法显示",
    ),
    "step_recordings": Row(
        "Recordings",
        "Aufnahmen",
        "录像",
    ),
    "step_board": Row(
        "Chessboard",
        "Schachbrett",
        "棋盘格",
    ),
    "step_room": Row(
        "Room",
        "Raum",
        "教室",
    ),
    "step_seats": Row(
        "Seats",
        "Plätze",
        "座位",
    ),
    "step_areas": Row(
        "Areas and phases",
        "Bereiche und Phasen",
        "区域与阶段",
    ),
    "step_run": Row(
        "Run",
        "Auswerten",
        "运行",
    ),
    "step_report": Row(
        "Report",
        "Bericht",
        "报告",
    ),
    "severity_error": Row(
        "Error",
        "Fehler",
        "错误",
    ),
    "severity_warning": Row(
        "Warning",
        "Warnung",
        "警告",
    ),
    "severity_ok": Row(
        "Good",
        "Gut",
        "正常",
    ),
    "cancel": Row(
        "Cancel",
        "Abbrechen",
        "取消",
    ),
    "write": Row(
        "Save",
        "Speichern",
        "保存",
    ),
    "written": Row(
        "Saved in session.toml.",
        "In session.toml gespeichert.",
        "已保存到 session.toml。",
    ),
    "units": Row(
        "Units",
        "Einheit",
        "单位",
    ),
    "no_length": Row(
        "This is no length. Type it like 1.74, 174 cm or 5' 8 1/2\".",
        "Das ist keine Länge. Schreiben Sie etwa 1,74 oder 174 cm.",
        "这不是长度。请输入如 1.74 或 174 cm。",
    ),
    "lessons_lead": Row(
        "Lessons in {folder}. Everything stays on this computer; nothing is sent.",
        "Stunden in {folder}. Alles bleibt auf diesem Rechner, nichts wird gesendet.",
        "{folder} 中的课堂。所有内容都留在本机，不会发送任何数据。",
    ),
    "no_lessons": Row(
        "No lesson yet. Make one, or look at the demo lesson first.",
        "Noch keine Stunde. Legen Sie eine an oder sehen Sie sich zuerst die Beispielstunde an.",
        "还没有课堂。请新建一个，或先看看示例课堂。",
    ),
    "new_lesson": Row(
        "New lesson",
        "Neue Stunde",
        "新建课堂",
    ),
    "demo_lesson": Row(
        "Demo lesson",
        "Beispielstunde",
        "示例课堂",
    ),
    "analyse_all": Row(
        "Analyze all {n} that are calibrated",
        "Alle {n} kalibrierten auswerten",
        "分析全部 {n} 个已标定的课堂",
    ),
    "q_title": Row(
        "1. What is the lesson called?",
        "1. Wie heißt die Stunde?",
        "1. 课堂名称是什么？",
    ),
    "q_title_missing": Row(
        "A lesson needs a title.",
        "Eine Stunde braucht einen Titel.",
        "课堂需要一个名称。",
    ),
    "q_room": Row(
        "2. Which room?",
        "2. Welcher Raum?",
        "2. 哪间教室？",
    ),
    "q_room_new": Row(
        "A room that is not measured yet",
        "Ein Raum, der noch nicht vermessen ist",
        "尚未测量的教室",
    ),
    "board_width": Row(
        "Blackboard, width",
        "Tafel, Breite",
        "黑板宽度",
    ),
    "board_height": Row(
        "Blackboard, height",
        "Tafel, Höhe",
        "黑板高度",
    ),
    "make_lesson": Row(
        "Make the lesson",
        "Stunde anlegen",
        "创建课堂",
    ),
    "stage_broken": Row(
        "cannot be opened",
        "nicht lesbar",
        "无法打开",
    ),
    "stage_new": Row(
        "new",
        "neu",
        "新建",
    ),
    "stage_recorded": Row(
        "recorded",
        "aufgenommen",
        "已录像",
    ),
    "stage_calibrated": Row(
        "calibrated",
        "kalibriert",
        "已标定",
    ),
    "stage_analysed": Row(
        "analyzed",
        "ausgewertet",
        "已分析",
    ),
    "calibration_is": Row(
        "Calibration {verdict}",
        "Kalibrierung {verdict}",
        "标定 {verdict}",
    ),
    "off_by": Row(
        "gaze point {cm} cm off",
        "Blickpunkt {cm} cm daneben",
        "注视点误差 {cm} 厘米",
    ),
    "working": Row(
        "working",
        "arbeitet",
        "运行中",
    ),
    "todo_recordings": Row(
        "Next: put in both videos.",
        "Als Nächstes: beide Videos hineinlegen.",
        "下一步：放入两段录像。",
    ),
    "todo_board": Row(
        "Next: pictures of the chessboard, then the tape.",
        "Als Nächstes: Bilder des Schachbretts, dann das Maßband.",
        "下一步：棋盘格照片，然后测量。",
    ),
    "todo_run": Row(
        "Next: analyze.",
        "Als Nächstes: auswerten.",
        "下一步：分析。",
    ),
    "todo_report": Row(
        "The report is ready.",
        "Der Bericht ist fertig.",
        "报告已完成。",
    ),
    "open_at": Row(
        "Open: {step}",
        "Öffnen: {step}",
        "打开：{step}",
    ),
    "tour": Row(
        "The way from two videos to a report",
        "Der Weg von zwei Videos zum Bericht",
        "从两段录像到报告的流程",
    ),
    "tour_demo": Row(
        "Look at the demo lesson first: it needs no cameras.",
        "Sehen Sie zuerst die Beispielstunde an: Sie braucht keine Kameras.",
        "先看示例课堂：不需要摄像机。",
    ),
    "tour_recordings": Row(
        "Recordings: put in both videos and see the same moment side by side.",
        "Aufnahmen: beide Videos hineinlegen und denselben Moment nebeneinander sehen.",
        "录像：放入两段录像，并排查看同一时刻。",
    ),
    "tour_board": Row(
        "Chessboard: print it, take pictures, see at once what is missing.",
        "Schachbrett: drucken, Bilder machen, sofort sehen, was fehlt.",
        "棋盘格：打印、拍照，马上看到还缺什么。",
    ),
    "tour_room": Row(
        "Room: type three lengths, click the blackboard's corners.",
        "Raum: drei Längen eintippen, die Ecken der Tafel anklicken.",
        "教室：输入三个长度，点击黑板四角。",
    ),
    "tour_run": Row(
        "Run: one button; it goes on when you close the page.",
        "Auswerten: ein Knopf; es läuft weiter, wenn Sie die Seite schließen.",
        "运行：一个按钮；关闭网页后仍会继续。",
    ),
    "tour_report": Row(
        "Report: read it, share the class alone, forget a student.",
        "Bericht: lesen, nur die Klasse weitergeben, jemanden vergessen.",
        "报告：阅读、仅分享班级结果、删除某个学生。",
    ),
    "recordings_lead": Row(
        "One video from each camera; left is left for somebody who faces the blackboard. Faces are blurred in every picture here.",
        "Ein Video von jeder Kamera; links ist links für jemanden, der zur Tafel schaut. Gesichter sind in allen Bildern hier unkenntlich.",
        "每台摄像机一段录像；左右以面向黑板的人为准。此处所有图像中的人脸均已模糊。",
    ),
    "camera_left": Row(
        "Left camera",
        "Linke Kamera",
        "左摄像机",
    ),
    "camera_right": Row(
        "Right camera",
        "Rechte Kamera",
        "右摄像机",
    ),
    "video_file": Row(
        "Video",
        "Video",
        "录像文件",
    ),
    "missing": Row(
        "{f} (not there yet)",
        "{f} (noch nicht da)",
        "{f}（尚未放入）",
    ),
    "add_video": Row(
        "Add a video",
        "Video hinzufügen",
        "添加录像",
    ),
    "size": Row(
        "Size",
        "Größe",
        "尺寸",
    ),
    "frames_per_s": Row(
        "Frames per second",
        "Bilder je Sekunde",
        "帧率",
    ),
    "length": Row(
        "Length",
        "Länge",
        "时长",
    ),
    "codec": Row(
        "Codec",
        "Codec",
        "编码",
    ),
    "same_moment": Row(
        "The same moment in both",
        "Derselbe Moment in beiden",
        "两段录像的同一时刻",
    ),
    "moment_lead": Row(
        "Find a clap, a flash or a quick movement. If the right picture shows it earlier or later than the left one, nudge it by frames and save.",
        "Suchen Sie ein Klatschen, einen Blitz oder eine schnelle Bewegung. Zeigt das rechte Bild sie früher oder später, verschieben Sie es bildweise und speichern.",
        "找一次拍手、闪光或快速动作。如果右图比左图早或晚，请逐帧调整并保存。",
    ),
    "time_in_lesson": Row(
        "Time in the lesson, seconds",
        "Zeit in der Stunde, Sekunden",
        "课堂时间（秒）",
    ),
    "back_1s": Row(
        "1 s back",
        "1 s zurück",
        "后退 1 秒",
    ),
    "on_1s": Row(
        "1 s on",
        "1 s weiter",
        "前进 1 秒",
    ),
    "right_is_late": Row(
        "Right clock minus left:",
        "Rechte Uhr minus linke:",
        "右时钟减左时钟：",
    ),
    "offset_s": Row(
        "offset, s",
        "Versatz, s",
        "偏移（秒）",
    ),
    "nudge_earlier": Row(
        "A frame earlier",
        "Ein Bild früher",
        "早一帧",
    ),
    "nudge_later": Row(
        "A frame later",
        "Ein Bild später",
        "晚一帧",
    ),
    "write_offset": Row(
        "Save the offset",
        "Versatz speichern",
        "保存偏移",
    ),
    "estimate_offset": Row(
        "Let it be estimated",
        "Schätzen lassen",
        "自动估计",
    ),
    "will_estimate": Row(
        "The offset will be estimated from the pictures.",
        "Der Versatz wird aus den Bildern geschätzt.",
        "偏移将根据画面估计。",
    ),
    "swap_cameras": Row(
        "Swap left and right",
        "Links und rechts tauschen",
        "交换左右",
    ),
    "rotate_left": Row(
        "Turn the left picture",
        "Linkes Bild drehen",
        "旋转左图",
    ),
    "rotate_right": Row(
        "Turn the right picture",
        "Rechtes Bild drehen",
        "旋转右图",
    ),
    "mirror_left": Row(
        "Mirror the left picture",
        "Linkes Bild spiegeln",
        "镜像左图",
    ),
    "mirror_right": Row(
        "Mirror the right picture",
        "Rechtes Bild spiegeln",
        "镜像右图",
    ),
    "no_picture_here": Row(
        "No picture at this moment.",
        "Kein Bild in diesem Moment.",
        "此时刻没有画面。",
    ),
    "picture_of": Row(
        "{camera} at {s} s, faces blurred",
        "{camera} bei {s} s, Gesichter unkenntlich",
        "{camera}，{s} 秒，人脸已模糊",
    ),
    "what_check_says": Row(
        "What the check says",
        "Was die Prüfung sagt",
        "检查结果",
    ),
    "check_now": Row(
        "Check now",
        "Jetzt prüfen",
        "立即检查",
    ),
    "checking": Row(
        "Checking …",
        "Prüfung läuft …",
        "检查中……",
    ),
    "not_checked": Row(
        "Not checked yet.",
        "Noch nicht geprüft.",
        "尚未检查。",
    ),
    "nothing_here": Row(
        "Nothing that belongs here.",
        "Nichts, was hierher gehört.",
        "此处没有相关结果。",
    ),
    "room_lead": Row(
        "Type what the tape says; the drawing shows what each length means. Measure from the blackboard's upper right corner (red dot) to the first inner corner of the board.",
        "Tippen Sie ein, was das Maßband sagt; die Zeichnung zeigt, was jede Länge bedeutet. Gemessen wird von der oberen rechten Ecke der Tafel (roter Punkt) zur ersten inneren Ecke des Bretts.",
        "输入卷尺读数；图中显示每个长度的含义。从黑板右上角（红点）量到棋盘的第一个内角点。",
    ),
    "blackboard": Row(
        "Blackboard",
        "Tafel",
        "黑板",
    ),
    "lenses_apart": Row(
        "Between the two lenses",
        "Zwischen den Objektiven",
        "两镜头间距",
    ),
    "auxiliary_board": Row(
        "Board in front of the blackboard",
        "Brett vor der Tafel",
        "黑板前的棋盘",
    ),
    "left_m": Row(
        "Left",
        "Nach links",
        "向左",
    ),
    "down_m": Row(
        "Down",
        "Nach unten",
        "向下",
    ),
    "out_m": Row(
        "Out",
        "In den Raum",
        "向外",
    ),
    "aux_square": Row(
        "Edge of its squares",
        "Kante seiner Felder",
        "方格边长",
    ),
    "placement": Row(
        "How it lies",
        "Wie es liegt",
        "放置方式",
    ),
    "placement_flat": Row(
        "flat on a table",
        "flach auf einem Tisch",
        "平放在桌上",
    ),
    "placement_standing": Row(
        "standing upright",
        "aufrecht stehend",
        "竖立",
    ),
    "placement_tilted": Row(
        "tilted",
        "geneigt",
        "倾斜",
    ),
    "plan": Row(
        "The room from above",
        "Der Raum von oben",
        "教室俯视图",
    ),
    "elevation": Row(
        "The blackboard from the class",
        "Die Tafel von der Klasse aus",
        "从课桌看黑板",
    ),
    "aux_pictures": Row(
        "Its picture in each camera",
        "Sein Bild in jeder Kamera",
        "两台摄像机拍到的棋盘",
    ),
    "aux_pictures_lead": Row(
        "One picture of this board from each camera, the board untouched in between.",
        "Ein Bild dieses Bretts von jeder Kamera, das Brett dazwischen unberührt.",
        "每台摄像机各拍一张此棋盘的照片，期间不要移动棋盘。",
    ),
    "aux_left": Row(
        "Left camera's picture",
        "Bild der linken Kamera",
        "左摄像机照片",
    ),
    "aux_right": Row(
        "Right camera's picture",
        "Bild der rechten Kamera",
        "右摄像机照片",
    ),
    "click_corners": Row(
        "The blackboard's corners in a picture of the room",
        "Die Ecken der Tafel in einem Bild des Raums",
        "在教室照片中点击黑板四角",
    ),
    "click_lead": Row(
        "A telephone's picture with the whole blackboard and the whole board in it. It stands in for the tape, or checks it.",
        "Ein Telefonbild mit der ganzen Tafel und dem ganzen Brett. Es ersetzt das Maßband oder prüft es.",
        "手机拍摄的照片，包含整块黑板和整个棋盘。可代替或检验卷尺测量。",
    ),
    "room_picture": Row(
        "Picture of the room",
        "Bild des Raums",
        "教室照片",
    ),
    "add_room_picture": Row(
        "Add a picture of the room",
        "Bild des Raums hinzufügen",
        "添加教室照片",
    ),
    "click_next": Row(
        "Click the {corner} corner of the blackboard.",
        "Klicken Sie die Ecke {corner} der Tafel an.",
        "请点击黑板的{corner}角。",
    ),
    "all_clicked": Row(
        "All four are clicked. Correct them by their numbers, or undo.",
        "Alle vier sind angeklickt. Korrigieren Sie sie mit den Zahlen, oder nehmen Sie zurück.",
        "四个角均已点击。可用数字微调，或撤销。",
    ),
    "upper_left": Row(
        "upper left",
        "oben links",
        "左上",
    ),
    "upper_right": Row(
        "upper right",
        "oben rechts",
        "右上",
    ),
    "lower_right": Row(
        "lower right",
        "unten rechts",
        "右下",
    ),
    "lower_left": Row(
        "lower left",
        "unten links",
        "左下",
    ),
    "undo": Row(
        "Undo",
        "Zurücknehmen",
        "撤销",
    ),
    "write_corners": Row(
        "Save the corners",
        "Ecken speichern",
        "保存四角",
    ),
    "comparing": Row(
        "Comparing with the tape …",
        "Vergleich mit dem Maßband …",
        "正在与卷尺读数比较……",
    ),
    "run_lead": Row(
        "One button does it all. It goes on when you close this page; stop it, and it continues later from where it was.",
        "Ein Knopf für alles. Es läuft weiter, wenn Sie die Seite schließen; angehalten geht es später dort weiter.",
        "一个按钮完成全部。关闭网页后继续运行；停止后可从中断处继续。",
    ),
    "moments_per_s": Row(
        "Moments per second",
        "Momente je Sekunde",
        "每秒分析次数",
    ),
    "run_all": Row(
        "Do everything",
        "Alles ausführen",
        "全部运行",
    ),
    "cmd_check": Row(
        "Check",
        "Prüfen",
        "检查",
    ),
    "cmd_calibrate": Row(
        "Calibrate",
        "Kalibrieren",
        "标定",
    ),
    "cmd_analyze": Row(
        "Analyze",
        "Auswerten",
        "分析",
    ),
    "cmd_validate": Row(
        "Validate",
        "Validieren",
        "验证",
    ),
    "cmd_report": Row(
        "Report",
        "Bericht",
        "报告",
    ),
    "cmd_export": Row(
        "Export",
        "Export",
        "导出",
    ),
    "cmd_forget": Row(
        "Forget",
        "Vergessen",
        "删除",
    ),
    "no_jobs": Row(
        "Nothing has run since the app was started.",
        "Seit dem Start der App ist nichts gelaufen.",
        "启动后尚未运行任何任务。",
    ),
    "log": Row(
        "Log",
        "Protokoll",
        "日志",
    ),
    "stop": Row(
        "Stop",
        "Anhalten",
        "停止",
    ),
    "starting": Row(
        "starting",
        "startet",
        "启动中",
    ),
    "time_left": Row(
        "about {left} left",
        "noch etwa {left}",
        "约剩 {left}",
    ),
    "state_waiting": Row(
        "waiting",
        "wartet",
        "等待",
    ),
    "state_running": Row(
        "running",
        "läuft",
        "运行中",
    ),
    "state_done": Row(
        "done",
        "fertig",
        "完成",
    ),
    "state_not_good": Row(
        "done, but not good enough",
        "fertig, aber nicht gut genug",
        "完成，但不够好",
    ),
    "state_failed": Row(
        "could not be done",
        "nicht möglich",
        "未能完成",
    ),
    "state_cancelled": Row(
        "stopped",
        "angehalten",
        "已停止",
    ),
    "after_waiting": Row(
        "It begins when what is before it has ended.",
        "Beginnt, wenn das Vorige beendet ist.",
        "前面的任务结束后开始。",
    ),
    "after_done": Row(
        "Done.",
        "Fertig.",
        "完成。",
    ),
    "after_not_good": Row(
        "Read the findings: something should be better.",
        "Lesen Sie die Befunde: Etwas sollte besser sein.",
        "请查看结果：有待改进。",
    ),
    "after_failed": Row(
        "It could not be done.",
        "Es war nicht möglich.",
        "未能完成。",
    ),
    "after_cancelled_goes_on": Row(
        "What is done is kept; the same button continues from there.",
        "Was getan ist, bleibt; derselbe Knopf macht dort weiter.",
        "已完成的部分会保留；再按同一按钮即可继续。",
    ),
    "after_cancelled_anew": Row(
        "Nothing half-done is left; the same button begins anew.",
        "Nichts Halbes bleibt zurück; derselbe Knopf beginnt von vorn.",
        "没有留下未完成的内容；再按同一按钮将重新开始。",
    ),
    "after_cancelled_unproven": Row(
        "Only its end proves that all is gone: do it again.",
        "Erst das Ende beweist, dass alles fort ist: noch einmal ausführen.",
        "只有运行结束才能证明全部已删除：请再次执行。",
    ),
    "no_report": Row(
        "There is no report yet: go to Run.",
        "Es gibt noch keinen Bericht: weiter bei Auswerten.",
        "还没有报告：请到“运行”。",
    ),
    "run_name": Row(
        "Run",
        "Durchlauf",
        "运行记录",
    ),
    "class_only": Row(
        "Class only, for sharing",
        "Nur die Klasse, zum Weitergeben",
        "仅班级（用于分享）",
    ),
    "compare_with": Row(
        "Beside other lessons",
        "Neben anderen Stunden",
        "与其他课堂比较",
    ),
    "make_report": Row(
        "Make the report again",
        "Bericht neu erstellen",
        "重新生成报告",
    ),
    "reload": Row(
        "Show it again",
        "Neu anzeigen",
        "刷新显示",
    ),
    "no_such_report": Row(
        'This report is not made yet: use "Make the report again".',
        "Dieser Bericht ist noch nicht erstellt: „Bericht neu erstellen“.",
        "该报告尚未生成：请点击“重新生成报告”。",
    ),
    "export_as": Row(
        "Format",
        "Format",
        "格式",
    ),
    "export": Row(
        "Export",
        "Exportieren",
        "导出",
    ),
    "export_where": Row(
        "It is written into {folder} in the lesson's folder.",
        "Geschrieben nach {folder} im Ordner der Stunde.",
        "写入课堂文件夹中的 {folder}。",
    ),
    "privacy": Row(
        "What is kept, and until when",
        "Was aufbewahrt wird, und bis wann",
        "保存内容与期限",
    ),
    "kept_videos": Row(
        "Videos",
        "Videos",
        "录像",
    ),
    "kept_pictures": Row(
        "Pictures",
        "Bilder",
        "照片",
    ),
    "kept_runs": Row(
        "Results",
        "Ergebnisse",
        "结果",
    ),
    "kept_others": Row(
        "Other files",
        "Andere Dateien",
        "其他文件",
    ),
    "files_mb": Row(
        "{n} files, {mb} MB",
        "{n} Dateien, {mb} MB",
        "{n} 个文件，{mb} MB",
    ),
    "kept_for_ever": Row(
        "No end is set: it is kept until somebody deletes it.",
        "Kein Ende gesetzt: Es bleibt, bis jemand es löscht.",
        "未设期限：保存到有人删除为止。",
    ),
    "kept_until": Row(
        "Until {date}; after that the lesson does not open.",
        "Bis {date}; danach öffnet sich die Stunde nicht mehr.",
        "保存至 {date}；之后无法打开。",
    ),
    "retention_days": Row(
        "Days to keep",
        "Tage aufbewahren",
        "保存天数",
    ),
    "forget": Row(
        "Forget",
        "Vergessen",
        "删除",
    ),
    "forget_lead": Row(
        "Removes a student from every table, picture and cache, and proves it.",
        "Entfernt jemanden aus jeder Tabelle, jedem Bild und Zwischenspeicher, und beweist es.",
        "将某个学生从所有表格、图片和缓存中删除，并加以验证。",
    ),
    "student": Row(
        "Student",
        "Person",
        "学生",
    ),
    "forget_one": Row(
        "Forget {student}?",
        "{student} vergessen?",
        "删除 {student}？",
    ),
    "cannot_undo": Row(
        "This cannot be undone.",
        "Das lässt sich nicht rückgängig machen.",
        "此操作无法撤销。",
    ),
    "forget_videos": Row(
        "Delete all videos and pictures of cameras?",
        "Alle Videos und Kamerabilder löschen?",
        "删除所有录像和摄像机照片？",
    ),
    "forget_videos_button": Row(
        "Delete all video",
        "Alle Videos löschen",
        "删除所有录像",
    ),
    "board_lead": Row(
        "The chessboard teaches the app what each lens does and how the cameras stand to each other. Put the pictures here, or copy them into calibration/left and calibration/right: they appear by themselves.",
        "Das Schachbrett lehrt die App, was jedes Objektiv tut und wie die Kameras zueinander stehen. Bilder hier hineinlegen oder nach calibration/left und calibration/right kopieren: Sie erscheinen von selbst.",
        "棋盘格让程序了解每个镜头以及两台摄像机的相对位置。可在此添加照片，或复制到 calibration/left 和 calibration/right，会自动出现。",
    ),
    "print_board": Row(
        "1. Print it",
        "1. Drucken",
        "1. 打印",
    ),
    "how_to_hold": Row(
        "2. Hold it",
        "2. Halten",
        "2. 手持",
    ),
    "hold_1": Row(
        "Pictures that both cameras take at the same instant have equal names: 20 or more.",
        "Bilder, die beide Kameras im selben Augenblick machen, heißen gleich: 20 oder mehr.",
        "两台摄像机同时拍摄的照片使用相同文件名：20 张以上。",
    ),
    "hold_2": Row(
        "In all parts of the picture, near and far, tilted by 30 to 45° in every direction. Keep the board still.",
        "In allen Teilen des Bildes, nah und fern, um 30 bis 45° in jede Richtung geneigt. Das Brett still halten.",
        "覆盖画面各处，远近皆有，向各方向倾斜 30 至 45°。拍摄时保持静止。",
    ),
    "hold_3": Row(
        "Then about eight for each camera alone that fill its corners.",
        "Dann etwa acht für jede Kamera allein, die ihre Ecken füllen.",
        "再为每台摄像机单独拍约八张，填满画面四角。",
    ),
    "kind": Row(
        "Kind",
        "Art",
        "类型",
    ),
    "kind_chessboard": Row(
        "chessboard",
        "Schachbrett",
        "棋盘格",
    ),
    "kind_charuco": Row(
        "ChArUco",
        "ChArUco",
        "ChArUco",
    ),
    "corners_along": Row(
        "Inner corners along",
        "Innere Ecken längs",
        "长边内角点数",
    ),
    "corners_across": Row(
        "Inner corners across",
        "Innere Ecken quer",
        "短边内角点数",
    ),
    "square_mm": Row(
        "Edge of a square, mm",
        "Kante eines Feldes, mm",
        "方格边长（毫米）",
    ),
    "paper": Row(
        "Paper",
        "Papier",
        "纸张",
    ),
    "download_pdf": Row(
        "Print (PDF)",
        "Drucken (PDF)",
        "打印（PDF）",
    ),
    "measure_print": Row(
        "Print at 100 %, measure the ruler on the sheet, glue it on something flat and stiff. If a square measures differently, type what you measured and save.",
        "Mit 100 % drucken, das Lineal auf dem Blatt nachmessen, auf etwas Flaches und Steifes kleben. Misst ein Feld anders, das Gemessene eintippen und speichern.",
        "按 100% 打印，核对纸上的标尺，贴在平整坚硬的板上。若方格实测不同，请输入实测值并保存。",
    ),
    "add_pictures": Row(
        "Add pictures or a video",
        "Bilder oder ein Video hinzufügen",
        "添加照片或录像",
    ),
    "pictures": Row(
        "Pictures",
        "Bilder",
        "照片",
    ),
    "views_video": Row(
        "The views are a video: {name}",
        "Die Ansichten sind ein Video: {name}",
        "视图来自录像：{name}",
    ),
    "boards_found": Row(
        "Board found in {n} of {all} pictures.",
        "Brett in {n} von {all} Bildern gefunden.",
        "{all} 张照片中有 {n} 张找到棋盘。",
    ),
    "looking": Row(
        "Looking at {n} more …",
        "Noch {n} werden angesehen …",
        "还在查看 {n} 张……",
    ),
    "coverage_of": Row(
        "Corners in {n} of 25 parts of the picture",
        "Ecken in {n} von 25 Teilen des Bildes",
        "画面 25 个区域中有 {n} 个出现角点",
    ),
    "still_wanted": Row(
        "Still missing: {what}.",
        "Es fehlt noch: {what}.",
        "还缺：{what}。",
    ),
    "want_views": Row(
        "more pictures (15 or more)",
        "mehr Bilder (15 oder mehr)",
        "更多照片（15 张以上）",
    ),
    "want_upper_left": Row(
        "upper left of the picture",
        "oben links im Bild",
        "画面左上",
    ),
    "want_upper_right": Row(
        "upper right of the picture",
        "oben rechts im Bild",
        "画面右上",
    ),
    "want_lower_left": Row(
        "lower left of the picture",
        "unten links im Bild",
        "画面左下",
    ),
    "want_lower_right": Row(
        "lower right of the picture",
        "unten rechts im Bild",
        "画面右下",
    ),
    "want_facing_left": Row(
        "turned to the left",
        "nach links gedreht",
        "朝左倾斜",
    ),
    "want_facing_right": Row(
        "turned to the right",
        "nach rechts gedreht",
        "朝右倾斜",
    ),
    "want_facing_up": Row(
        "turned up",
        "nach oben gedreht",
        "朝上倾斜",
    ),
    "want_facing_down": Row(
        "turned down",
        "nach unten gedreht",
        "朝下倾斜",
    ),
    "enough": Row(
        "Nothing is missing: calibrate.",
        "Es fehlt nichts: kalibrieren.",
        "已齐全：可以标定。",
    ),
    "board_seen": Row(
        "board found",
        "Brett gefunden",
        "已找到棋盘",
    ),
    "verdict_pass": Row(
        "The calibration is good.",
        "Die Kalibrierung ist gut.",
        "标定良好。",
    ),
    "verdict_warn": Row(
        "The calibration can be used; better would be possible.",
        "Die Kalibrierung ist brauchbar; besser wäre möglich.",
        "标定可用，但还可以更好。",
    ),
    "verdict_fail": Row(
        "The calibration cannot be trusted.",
        "Der Kalibrierung ist nicht zu trauen.",
        "标定不可信。",
    ),
    "room_3d": Row(
        "Cameras, chessboards and blackboard in three dimensions",
        "Kameras, Schachbretter und Tafel räumlich",
        "摄像机、棋盘与黑板的三维图",
    ),
    "whole_page": Row(
        "The whole calibration page",
        "Die ganze Seite zur Kalibrierung",
        "完整的标定页面",
    ),
    "seats_lead": Row(
        "Faces of a few seconds of the lesson, placed on the plan. Name the seats by pseudonyms, never by names. A seat that opts out is masked before faces are looked for.",
        "Gesichter aus einigen Sekunden der Stunde, auf dem Plan. Benennen Sie Plätze mit Pseudonymen, nie mit Namen. Ein Platz, der nicht mitmacht, wird verdeckt, bevor nach Gesichtern gesucht wird.",
        "将课堂中几秒内的人脸位置标在平面图上。请用代号而非姓名命名座位。退出的座位会在检测人脸之前被遮挡。",
    ),
    "seats_need_rig": Row(
        "Calibrate first: places in the room need the cameras' calibration.",
        "Zuerst kalibrieren: Orte im Raum brauchen die Kalibrierung der Kameras.",
        "请先标定：室内位置需要摄像机的标定结果。",
    ),
    "look_at_s": Row(
        "Second of the lesson",
        "Sekunde der Stunde",
        "课堂第几秒",
    ),
    "find_seats": Row(
        "Find the seats",
        "Plätze finden",
        "查找座位",
    ),
    "seats_of_run": Row(
        "As in the newest run",
        "Wie im neuesten Durchlauf",
        "采用最新运行结果",
    ),
    "finding_seats": Row(
        "Looking at four seconds of the lesson …",
        "Vier Sekunden der Stunde werden angesehen …",
        "正在查看四秒课堂画面……",
    ),
    "seats_legend": Row(
        "Green: parts of the blackboard can be told apart. Orange: errors over 45 cm. Grey: too small, not seen or opted out. ± is the expected error on the blackboard.",
        "Grün: Teile der Tafel sind unterscheidbar. Orange: Fehler über 45 cm. Grau: zu klein, nicht gesehen oder nicht dabei. ± ist der erwartete Fehler auf der Tafel.",
        "绿色：可区分黑板各部分。橙色：误差超过 45 厘米。灰色：人脸过小、未看到或已退出。± 为黑板上的预计误差。",
    ),
    "students": Row(
        "Students",
        "Personen",
        "学生",
    ),
    "no_seats": Row(
        "No seats yet: find them, or add them by hand.",
        "Noch keine Plätze: suchen lassen oder von Hand hinzufügen.",
        "还没有座位：请查找或手动添加。",
    ),
    "pseudonym": Row(
        "Pseudonym",
        "Pseudonym",
        "代号",
    ),
    "from_right_m": Row(
        "From right, m",
        "Von rechts, m",
        "距右边（米）",
    ),
    "from_board_m": Row(
        "From board, m",
        "Von der Tafel, m",
        "距黑板（米）",
    ),
    "opt_out": Row(
        "Opts out",
        "Nicht dabei",
        "退出",
    ),
    "remove": Row(
        "Remove",
        "Entfernen",
        "移除",
    ),
    "seat_seen": Row(
        "face {px} px, {cm}",
        "Gesicht {px} px, {cm}",
        "人脸 {px} 像素，{cm}",
    ),
    "add_seat": Row(
        "Add a seat",
        "Platz hinzufügen",
        "添加座位",
    ),
    "write_seats": Row(
        "Save the seats",
        "Plätze speichern",
        "保存座位",
    ),
    "areas_lead": Row(
        "Parts of the blackboard that the report tells apart, and moments or phases of the lesson that it draws.",
        "Teile der Tafel, die der Bericht unterscheidet, und Momente oder Phasen der Stunde, die er zeichnet.",
        "报告要区分的黑板区域，以及要标出的课堂时刻或阶段。",
    ),
    "areas": Row(
        "Areas of the blackboard",
        "Bereiche der Tafel",
        "黑板区域",
    ),
    "areas_how": Row(
        "Draw a rectangle with the mouse, or add one and type its edges. Without areas the report uses thirds.",
        "Ziehen Sie mit der Maus ein Rechteck auf oder fügen Sie eines hinzu und tippen Sie die Kanten ein. Ohne Bereiche nimmt der Bericht Drittel.",
        "用鼠标画出矩形，或添加后输入边界。未设区域时报告按三等分。",
    ),
    "areas_drawing": Row(
        "The blackboard with its areas, as the class sees it",
        "Die Tafel mit ihren Bereichen, wie die Klasse sie sieht",
        "学生视角的黑板及其区域",
    ),
    "area": Row(
        "area",
        "Bereich",
        "区域",
    ),
    "add_area": Row(
        "Add an area",
        "Bereich hinzufügen",
        "添加区域",
    ),
    "thirds": Row(
        "Thirds",
        "Drittel",
        "三等分",
    ),
    "right_third": Row(
        "right third",
        "rechtes Drittel",
        "右三分之一",
    ),
    "middle_third": Row(
        "middle third",
        "mittleres Drittel",
        "中三分之一",
    ),
    "left_third": Row(
        "left third",
        "linkes Drittel",
        "左三分之一",
    ),
    "no_areas": Row(
        "No areas: the report uses thirds.",
        "Keine Bereiche: Der Bericht nimmt Drittel.",
        "未设区域：报告按三等分。",
    ),
    "area_name": Row(
        "Name of the area",
        "Name des Bereichs",
        "区域名称",
    ),
    "area_x": Row(
        "Right",
        "Rechts",
        "距右边",
    ),
    "area_y": Row(
        "Top",
        "Oben",
        "距上边",
    ),
    "from_m": Row(
        "from, m",
        "von, m",
        "起（米）",
    ),
    "to_m": Row(
        "to, m",
        "bis, m",
        "止（米）",
    ),
    "write_areas": Row(
        "Save the areas",
        "Bereiche speichern",
        "保存区域",
    ),
    "marks": Row(
        "Moments and phases",
        "Momente und Phasen",
        "时刻与阶段",
    ),
    "marks_how": Row(
        "Move through the lesson, mark a moment, and end it where a phase ends. The picture is blurred.",
        "Gehen Sie durch die Stunde, markieren Sie einen Moment und beenden Sie ihn, wo eine Phase endet. Das Bild ist unkenntlich.",
        "浏览课堂，标记时刻；若为阶段，在结束处点击结束。画面已模糊。",
    ),
    "mark_label": Row(
        "What happens",
        "Was geschieht",
        "发生了什么",
    ),
    "mark": Row(
        "mark",
        "Marke",
        "标记",
    ),
    "mark_here": Row(
        "Mark this moment",
        "Moment markieren",
        "标记此刻",
    ),
    "phase_ends": Row(
        "The phase ends here",
        "Phase endet hier",
        "阶段到此结束",
    ),
    "no_marks": Row(
        "Nothing is marked yet.",
        "Noch nichts markiert.",
        "还没有标记。",
    ),
    "write_marks": Row(
        "Save the marks",
        "Marken speichern",
        "保存标记",
    ),
    "marks_written": Row(
        "Saved in events.csv.",
        "In events.csv gespeichert.",
        "已保存到 events.csv。",
    ),
    "turned": Row(
        "Turned clockwise",
        "Im Uhrzeigersinn gedreht",
        "顺时针旋转",
    ),
    "chapters": Row(
        "Files, one after another",
        "Dateien nacheinander",
        "分段文件数",
    ),
    "seat_guessed": Row(
        "Seen by one camera alone: the place is a guess. Correct it.",
        "Nur von einer Kamera gesehen: Der Ort ist geraten. Bitte berichtigen.",
        "仅一台摄像机看到：位置为推测，请修正。",
    ),
    "taken_with": Row(
        "Taken with",
        "Aufgenommen mit",
        "拍摄设备",
    ),
    "taken_phone": Row(
        "a telephone",
        "einem Telefon",
        "手机",
    ),
    "taken_left": Row(
        "the left camera",
        "der linken Kamera",
        "左摄像机",
    ),
    "taken_right": Row(
        "the right camera",
        "der rechten Kamera",
        "右摄像机",
    ),
    "in_mirror": Row(
        "In a mirror",
        "Im Spiegel",
        "镜中",
    ),
    "lens_left_upper_left": Row(
        "Left lens to upper left corner",
        "Linkes Objektiv zur Ecke oben links",
        "左镜头到黑板左上角",
    ),
    "lens_left_upper_right": Row(
        "Left lens to upper right corner",
        "Linkes Objektiv zur Ecke oben rechts",
        "左镜头到黑板右上角",
    ),
    "lens_right_upper_left": Row(
        "Right lens to upper left corner",
        "Rechtes Objektiv zur Ecke oben links",
        "右镜头到黑板左上角",
    ),
    "lens_right_upper_right": Row(
        "Right lens to upper right corner",
        "Rechtes Objektiv zur Ecke oben rechts",
        "右镜头到黑板右上角",
    ),
}
