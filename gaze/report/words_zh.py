"""简体中文 (Simplified Chinese)."""

ZH: dict[str, str] = {
    "axis_x": "距黑板右边缘（米）",
    "axis_y": "距黑板上边缘（米，向下）",
    "axis_time": "课堂时间（分:秒）",
    "axis_board_share": "朝向黑板",
    "axis_states": "头部朝向",
    "axis_seat_z": "距黑板（米）",
    "axis_agreement": "一致程度",
    "scale_unit": "%/m²",
    "state_board": "黑板",
    "state_left_third": "左三分之一",
    "state_middle_third": "中间三分之一",
    "state_right_third": "右三分之一",
    "state_rest_of_board": "黑板其余部分",
    "state_off_board": "黑板旁边或上方",
    "state_down": "黑板下方（课桌、笔记本）",
    "state_away": "背向黑板",
    "heat_title_class": "头部朝向何处：全班（{title}）",
    "heat_title_student": "头部朝向何处：{student}（{title}）",
    "heat_shows": "学生：{students}。注视点：{n}。典型误差 {cm} cm。",
    "heat_none": "没有测得任何注视点，无图可画。",
    "heat_not": "图中是头部的朝向，不是眼睛所看之处，也不是任何人的想法。",
    "hover_heat": "距右边缘 %{x:.2f} m，向下 %{y:.2f} m<br>每平方米占注视点的 %{z:.1f} %",
    "hover_timeline": (
        "<b>%{customdata[0]}</b><br>朝向黑板 %{y:.0f} %（因测量误差：%{customdata[1]}–%{customda"
        "ta[2]} %）<br>对缺失时刻不作任何假设：%{customdata[3]}–%{customdata[4]} %<br>测得 %{cus"
        "tomdata[5]} 名学生"
    ),
    "hover_sync": "%{customdata}：%{y:.0f} %",
    "kind": "注意力报告",
    "skip": "跳到报告正文",
    "contents": "目录",
    "meta": "{date}{students} 名学生，{length}，每 {step} 秒测量一次。",
    "meta_class_only": "供分享的班级报告：不含任何少于 {k} 名学生的内容。",
    "statement": (
        "本报告显示头部朝向何处。它不显示眼睛停留在哪里，也不显示任何人的所思、所懂、所感：低头的"
        "学生可能在写字，移开目光的学生可能在思考。本报告用于回顾课堂，绝不用于评分、处分或评价任"
        "何人。"
    ),
    "nothing_title": "没有测得任何数据",
    "nothing": (
        "本次分析中没有测得任何人脸，因此没有图表。请用 <code>gaze check</code> 检查视频，并查看"
        "下面的数据质量。"
    ),
    "unfinished": "本次分析未标记为完成（{state}）：表格可能不完整。",
    "title_short": "概览",
    "q_part": "看的是哪一部分？",
    "a_part": "{area}：占测得时间的 {share} %（{low}–{high} %）；其次为 {rest}。",
    "a_part_unclear": "没有哪一部分明显领先：{list}。它们的不确定范围相互重叠。",
    "a_part_none": "在黑板上测得的数据太少，无法回答。",
    "q_left": "全班何时没有朝向黑板？",
    "a_left": "{list}：明显低于整节课的 {share} %。",
    "a_left_none": "没有哪一段一分钟以上的时间明显低于整节课的比例。",
    "q_seats": "哪些座位看不清黑板？",
    "a_seats": "有 {n} 个座位看黑板某部分时角度太斜或距离太远：{list}。座位图标明是哪一部分。",
    "a_seats_count": "有 {n} 个座位看黑板某部分时角度太斜或距离太远。",
    "a_seats_one": "{student}（{area}）",
    "a_seats_none": (
        "没有：每个已知座位看每一部分的角度都小于 {angle}°，5 cm 高的字都大于 {arcmin} 角分。"
    ),
    "a_seats_unknown": "座位位置未知，无法回答。",
    "a_seats_few": "少于 {k} 个座位：班级报告中不显示。",
    "q_data": "数据质量如何？",
    "a_data": (
        "的学生时刻测得了数据。若对其余时刻不作任何假设，头部朝向黑板的时间占 {low}–{high} %。"
    ),
    "title_quality": "各排数据",
    "quality_box": "数据质量",
    "row": "第 {rows} 排",
    "row_unknown": "排号未知的座位",
    "read_fine": "可区分三分之一黑板内的部分",
    "read_thirds": "只能区分黑板的三个三分之一",
    "read_sides": "只能读作左或右",
    "read_board": "只能读作黑板或非黑板",
    "read_nothing": "数据不足：不要作任何解读",
    "head_gain_none": (
        "这些点是<em>头部</em>的朝向。没有做从头部到视线的校正：每次转动有一部分由眼睛完成，因此"
        "点会偏离真正的目标，偏向各座位的正前方。"
    ),
    "head_gain": "已应用从头部到视线的校正，由本教室的标记点拟合：{detail}。",
    "validation": "本教室中的误差",
    "validation_none": (
        "未在本教室验证。这里给出的误差是预测值，未经检验。检验方法：在黑板上贴编号标记，请全班依"
        "次看每个标记十秒，把谁在何时看何处写入 <code>targets.csv</code>，再运行 <code>gaze valid"
        "ate LESSON</code>。"
    ),
    "validation_overall": (
        "在 {n} 次对标记的注视中，注视点误差的中位数为 {median} cm，十次中有九次不超过 {p90} cm（"
        "平均 {mean} cm）。"
    ),
    "validation_bias": "平均而言，点偏{x_side} {x} cm、偏{y_side} {y} cm。",
    "side_left": "左",
    "side_right": "右",
    "side_low": "下",
    "side_high": "上",
    "validation_row": "第 {row} 排（{distance} m）：中位数 {median} cm，n = {n}",
    "title_heat": "黑板上的位置",
    "heat_lede": (
        "全班所见的黑板。每个点画在它最可能的位置，其宽度就是它的不确定程度；每名学生的权重相同。"
    ),
    "heat_toggle": "显示",
    "everybody": "全班",
    "heat_alt": (
        "全班所见黑板上的热图。最密处距右边缘 {x} m，距上边缘 {y} m；所画点的权重有 {inside} % 在"
        "黑板上。"
    ),
    "heat_left_out": "因数据太少未列入：{list}。",
    "heat_left_out_n": "因数据太少未列入：{n} 名学生。",
    "table_of": "表格：{name}",
    "col_height": "高度",
    "col_lesson": "课",
    "as_table": "以表格显示",
    "heat_table": "注视点按黑板宽度十等分（全班所见，从左到右）和高度三等分的比例",
    "top": "上三分之一",
    "centre": "中间",
    "bottom": "下三分之一",
    "title_areas": "各部分所占比例",
    "areas_lede": (
        "占测得时间的比例，已去除测量造成的模糊：一个点意味着什么，由全班看向何处来判断。粗线是剩"
        "余的不确定性（95 %），细线还考虑了没有测得的时刻。"
    ),
    "col_95": "95 %",
    "between_m": "{a}–{b} m",
    "col_area": "区域",
    "col_share": "比例",
    "col_band": "比例及其范围",
    "col_visits": "停留次数",
    "col_mean_visit": "平均停留",
    "col_first": "首次看到",
    "col_reached": "看到的人数",
    "col_students": "学生",
    "col_time": "时间",
    "col_row": "排",
    "col_face": "人脸",
    "col_error": "典型误差",
    "col_planned": "预计",
    "col_coverage": "测得",
    "col_reading": "如何解读",
    "col_student": "座位",
    "col_letter": "5 cm 的字",
    "col_angle": "最斜角度",
    "col_hardest": "最难看清的部分",
    "areas_note": (
        "一次停留是指视线在一个区域内保持至少 {visit} s，中断不超过 {bridge} s 视为连续（即 ISO 1"
        "5007 的 glance；此类数据中没有注视 fixation）。首次看到：看到的学生的中位数。n = {n} 名"
        "学生，至少测得 {coverage} % 的时间。"
    ),
    "title_targets": "黑板、屏幕、课桌与人",
    "targets_lede": (
        "头部朝向教室里的哪一样东西，占测得时间的比例；都不是的算作<i>别处</i>。近处的东西挡住后面的"
        "东西。线段是不确定性（95 %）。"
    ),
    "targets_note": (
        "由头部方向、其 σ 和教室中的位置得出每个目标的概率。这只是方向：视线从同桌<i>旁边</i>经过的"
        "人也算作在看他。除本表外，本报告只涉及黑板。"
    ),
    "targets_untold": (
        "从第 {rows} 排无法区分{a}与{b}：看向其中一个的目光有四分之一或更多会被当成看向另一个。请把"
        "两者合起来读。"
    ),
    "targets_left_out": "{target}：这里不作为目标，因为从大多数座位无法把它与黑板区分开。",
    "targets_hidden": (
        "从座位看去，其他表面挡住了黑板的 {share}。在本报告的其余部分，看向其前方物体的目光都算作看"
        "黑板。"
    ),
    "col_target": "目标",
    "target_blackboard": "黑板",
    "target_desk": "自己的课桌",
    "target_neighbour": "邻座同学",
    "target_teacher": "教师",
    "target_elsewhere": "别处",
    "overlap_note": "区域相互重叠，因此各比例之和大于黑板的比例。",
    "suppressed": "少于 {k}",
    "title_timeline": "课堂进程",
    "timeline_lede": (
        "上图：全班测得时间中朝向黑板的比例，每 {window} 一个窗口。深色带：测量误差。浅色带：对没"
        "有测得的时刻不作任何假设。下图：测得的全部时间，按头部朝向划分。"
    ),
    "timeline_alt": "时间线。朝向黑板的比例在 {low} %（{low_t}）到 {high} %（{high_t}）之间。",
    "timeline_not": "比例低并不是评价：课堂练习、桌上演示或播放影片也是如此。",
    "band_missing": "缺失时刻",
    "band_sigma": "测量误差",
    "marks": "标记：{list}。",
    "marks_outside": "课堂之外、未画出的标记：{list}。",
    "title_replay": "重放课堂",
    "replay_lede": (
        "每个圆点是一名学生的测量点，每 {step} 一步；数字和颜色表示座位排。"
        "椭圆包含该点可能位置的一半。在黑板范围内没有点的学生列在黑板下方。"
    ),
    "replay_alt": "全班所见的黑板，每名学生一个圆点。",
    "replay_not": (
        "每次测量都有误差，所以圆点会跳动：小的跳动不是头部运动。两个已测量的步之间圆点平滑移动；"
        "未测量之处不作任何填补。指针停在圆点上可看到座位；在时间条上用方向键逐步移动。"
    ),
    "replay_play": "播放",
    "replay_pause": "暂停",
    "replay_speed": "速度",
    "replay_part": "部分",
    "replay_whole": "整节课",
    "replay_who": "显示",
    "replay_sigma": "不确定度",
    "replay_away": "转开",
    "replay_outside": "画面之外",
    "replay_missing": "未测量",
    "replay_said": "{time}：显示 {shown}，转开 {away}，画面之外 {outside}，未测量 {missing}",
    "replay_old": "此浏览器过旧，无法解开重放。",
    "replay_clip": "数字和颜色：座位排。显示头部朝向何处，而非任何人所见或所想。",
    "replay_dot": "{student}，典型误差 {cm} cm",
    "title_phases": "按阶段和幻灯片",
    "phases_table": "阶段",
    "slides_table": "幻灯片",
    "col_phase": "阶段",
    "col_slide": "幻灯片",
    "phases_lede": (
        "在所标记的每个阶段和每张幻灯片内的同样比例（events.csv）。时间短的测量少，区间较宽。"
    ),
    "phase_said": "{when}，{students} 名学生，{n} 个注视点",
    "phase_map": "头部朝向：{name}",
    "phases_scale": "所有图片使用同一色标。",
    "nav_seats": "座位",
    "title_seats": "哪里数据薄弱，哪里看不清黑板",
    "seats_lede": (
        "从上方看教室，黑板在上。红色方块表示需要谨慎对待的座位：其数据最多只能区分黑板与别处，或"
        "者（第三种视图）从那里看不清板书。"
    ),
    "seat_error": "典型误差",
    "seat_coverage": "测得比例",
    "seat_letter": "字看起来多大",
    "seat_board": "黑板",
    "seat_error_said": "颜色：注视点的典型误差（cm）。颜色越深误差越大。",
    "seat_coverage_said": "颜色：课堂中测得的比例。颜色越深越少。",
    "seat_letter_said": (
        "颜色：5 cm 高的字在最难看清的部分所张的视角（角分）。颜色越深越小。仅为几何计算：不含前"
        "方人头、反光和视力。"
    ),
    "seat_map_title": "每个座位看向哪里",
    "seat_map_said": (
        "每个座位处有一块小黑板，显示其头部朝向之处，色标各自独立；下方是其点的典型误差，"
        "括号内是按相机与座位的几何位置所作的预计。红框：从该处看黑板某部分较困难。"
        "没有颜色的座位数据太少。"
    ),
    "seat_map_alt": "教室俯视图，每个座位处有一幅小热图。",
    "seat_predicted": "（预计：{cm} cm）",
    "seats_alt": "座位图。数据薄弱：{weak}。看不清黑板：{hard}。",
    "seats_never": "从未测得：{list}。",
    "seats_masked": "{n} 个座位选择不参加：已被遮盖，不计入任何数字。",
    "seats_unknown": "没有已知的座位位置，因此没有座位图。",
    "none": "无",
    "title_transitions": "从何处到何处",
    "transitions_lede": (
        "一次停留结束后 {gap} s 内开始另一次停留：从行所示位置离开的一百次中，有多少次到了列所示"
        "位置（大字），以及实际次数（小字）。"
    ),
    "transitions_caption": "从行所示位置到列所示位置",
    "from_to": "从 ↓ 到 →",
    "transitions_none": "没有测得任何转移。",
    "transitions_phase": "从哪里到哪里：{name}",
    "transitions_note": (
        "远处座位的点会散过边界，因此相邻区域间的短暂移动有一部分是噪声。短横线：从未离开该处。"
    ),
    "title_synchrony": "全班何时一起转向",
    "sync_lede": (
        "曲线是随机抽取的两名学生朝向同一处的概率。灰色带是纯属偶然时的范围：同样的学生，各自随机"
        "平移一段时间（{n} 次）。菱形表示 {bin} s 内转向同一处的学生多于 95 % 的平移课堂的时刻。"
    ),
    "sync_not": "一起转向不代表好，各自转向也不代表不好。",
    "sync_off": "没有要求计算同步性。",
    "sync_few_students": "这需要三名数据充足的学生。",
    "sync_short": "这节课太短：至少需要 100 s。",
    "sync_alt": "全班一致程度随时间的变化，在 {low} % 到 {high} % 之间；{n} 个时刻。",
    "sync_none": "没有哪个时刻超出偶然范围。",
    "sync_caption": "全班一起转向的时刻",
    "col_turned": "转向",
    "col_to": "到",
    "of": "{all} 中的 {n}",
    "of_most": "{all} 中至少 {n}",
    "agreement": "一致程度",
    "null_band": "偶然",
    "moved_together": "一起转向",
    "title_students": "逐个学生",
    "nav_scarf": "条带图",
    "title_scarf": "整节课逐座位",
    "scarf_lede": (
        "每个座位一行（排 · 座位），每 {window} 一窗：头部最常朝向之处。空白：该窗内测量不到一半。"
        "虚线：教师的标记。"
    ),
    "scarf_alt": "{n} 个座位的条带图：整节课各头部朝向何处。",
    "scarf_not": "窗口会掩盖短暂的注视；典型误差大的座位，颜色说明不了多少（见座位表）。",
    "students_lede": (
        "按代号排列，没有分数，没有排名。请先读数据行：它说明下面的图能说明多少。每张热图有自己的"
        "刻度：颜色越深，头部朝向越多。"
    ),
    "student_data": "测得 {coverage} % 的时间，典型误差 {cm} cm：{reading}。",
    "student_data_none": "测得 {coverage} % 的时间：{reading}。",
    "student_covered": "其中 {share} % 的时间脸部分被遮挡，此时的点更不确定。",
    "student_row": "第 {row} 排",
    "student_heat": "{student} 的热图，全班所见的黑板：{summary}。",
    "student_line": "{student} 的时间线，每 {window} 一个窗口：{summary}。",
    "student_never": "没有测得这名学生的任何时刻。除此之外不说明任何问题。",
    "student_few": "数据不足，无图。",
    "filter_row": "排",
    "filter_all": "所有排",
    "filter_text": "查找代号",
    "filter_weak": "仅数据充足者",
    "filter_said": "显示 {all} 中的 {n}",
    "missing": "未测得",
    "problem_excluded": "按标记不计入任何数字（共 {minutes} 分钟）：{list}。",
    "problem_nan": "{n} 行本应有注视点却没有，按未测得计。",
    "problem_double": "{n} 行重复了同一学生的同一时刻，只计第一行。",
    "problem_unassigned": "{n} 行不属于任何人，未计入。",
    "problem_no_students": "本次分析没有学生表：排和座位未知。",
    "problem_area_cut": "区域“{area}”超出黑板，已在边缘截断。",
    "problem_area_overlap": "区域“{a}”与“{b}”重叠：它们的比例不能相加。",
    "problem_area_small_width": (
        "区域“{area}”对这些数据来说太窄：半宽为 {half_cm} cm，而典型误差为 {sigma_cm} cm。"
    ),
    "problem_area_small_height": (
        "区域“{area}”对这些数据来说太矮：半高为 {half_cm} cm，而典型误差为 {sigma_cm} cm：不要"
        "解读高度。"
    ),
    "problem_one_student": "只有一名学生：这里没有关于班级的内容。",
    "problem_all_away": (
        "测得的每张脸都背向黑板：没有注视点。如果这不可能，请用 <code>gaze calibrate</code> 检查"
        "相机装置的方向。"
    ),
    "problem_never": "{n} 名已知学生从未测得。",
    "problem_masked": "{n} 个选择不参加的座位已被遮盖，不计入任何数字。",
    "lessons_lede": (
        "每节课中全班面向黑板的时间占测得时间的比例，带测量误差区间。各课不同的原因很多：内容"
        "、自习、时段。比例高并不表示课更好。"
    ),
    "lessons_alt": "每节课面向黑板的比例及其区间；数字见下表。",
    "lessons_table": "份额（%）及其 95 % 区间",
    "lessons_line": "虚线：穿过各课的直线及其 95 % 区间。",
    "lessons_left_out": "未列入本页",
    "lessons_differences": "与“{first}”相比",
    "lessons_differences_lede": (
        "单位为百分点。两节课都有人的座位与自身比较；不足五个时比较两个班的平均值。区间跨过 0"
        " 表示看不出差别。"
    ),
    "lessons_trend": "每周的变化",
    "lessons_trend_lede": "以课为单位，对各课比例拟合直线，单位为每周百分点。课少时说明不了什么。",
    "col_date": "日期",
    "col_points": "百分点",
    "col_seats_paired": "两课共有座位",
    "title_compare": "各课并列",
    "compare_lede": (
        "其他课的同样指标。小于范围的差异没有意义；不同的教室、座位和相机本身就有差异。请勿比较教"
        "师。"
    ),
    "compare_this": "本课",
    "title_questions": "回顾时的问题",
    "question_1": "您原以为全班会在何时看向何处？图中哪里不同？",
    "question_2": "哪些座位看不到您写的内容？可以移动板书还是座位？",
    "question_3": "在时间线平静的时段，学生被要求做什么？",
    "title_method": "制作方法",
    "method_text": (
        "黑板旁有两台相机；测量每个头部的位置和方向，从面部发出的射线与黑板平面相交（Xu et al., S"
        "cientific Reports 16:405, 2026）。各指标的定义、单位和来源见项目的 docs/attention.md。班"
        "级的数字中每名学生权重相同。"
    ),
    "method_stored": "本文件保存：以上图表（使用代号），不含人的图像。{retention}",
    "retention": "本课数据应于 {date} 前删除。",
    "retention_none": "session.toml 中没有设定删除日期（<code>retention_days</code>）。",
    "versions": "classroom-gaze {version}；分析 {run}，开始于 {started}；设置：{settings}。",
    "noscript": "此浏览器不运行页面自带的脚本，因此没有交互图；下面的表格含有同样的数字。",
    "seconds": "{s} 秒",
    "minutes_unit": "{m} 分钟",
    "cm": "{v} cm",
    "px": "{v} px",
    "deg": "{v}°",
    "arcmin": "{v}′",
    "answer": "在测得的时间中，头部有 {share} %（{low}–{high} %）朝向黑板",
    "answer_part": "，其中最多的是“{area}”",
    "answer_left": "；在 {list} 明显较少",
    "stop": "。",
    "trust": "可信程度",
    "error_typical": (
        "一个点的典型误差为 <strong>{cm} cm</strong>（{known}）：一半的点离头部所指之处更近，一半"
        "更远。"
    ),
    "error_checked": "已在本教室用 {n} 次对标记的注视检验",
    "error_predicted": "预测值，未在本教室检验",
    "doubts": "降低可信度的因素，代价最大者在前",
    "readings": "能够区分什么",
    "row_error": "{row}（{cm}）",
    "reading_of_rows": "{rows}：{reading}。",
    "cost_any": "可能任意错误",
    "cost_unknown": "代价未知",
    "cost_missing": "缺少点，但没有点被移位",
    "cost_cm": "约 {cm} cm",
    "cost_eyes": "目标偏离一米时约 {cm} cm",
    "trust_unchecked": "误差未在本教室检验（<code>gaze validate</code>）。",
    "trust_targets": "targets.csv 中有本课不认识的学生，其注视没有用于检验：{list}。",
    "a_left_short": "这节课只有 {length}，太短，无法区分各个时段。",
    "disclaimer": "这是头部的朝向，不是任何人所看或所想。",
    "disclaimer_link": "本报告的用途",
    "what_for": "用途",
    "quality_lede": "座位排，第 1 排离黑板最近。典型误差：一排中有一半的点离头部所指之处更近。",
    "button_print": "打印",
    "button_csv": "表格（CSV）",
    "button_class": "可分享版本",
    "caveat_teacher_seen": "{share} % 的时间里看到教师在走动：不算学生，也不计入任何数字。",
    "caveat_others_left_out": (
        "路过的人（行走片段）：{passers}；图片上的人脸：{portraits}。他们不算学生，也不计入任何数字。"
    ),
    "caveat_seats_unseen": (
        "events.csv 中有 {n} 次换座位换到了从未看到人的地方：此后没有该学生的数据。"
    ),
    "caveat_rig_forced": "相机标定未通过检查，但仍被使用。",
    "caveat_no_faces": "两个视频中都没有找到人脸：班级在画面中吗？灯开着吗？",
    "caveat_noses_miss": "两台相机对鼻尖位置的判断相差 {px} px：标定或时钟可能有误。",
    "caveat_clock_assumed": "假定两个视频的时钟一致，未经任何证实。",
    "caveat_camera_unchecked": (
        "未检查摄像机的位置和视角是否仍与标定时一致：课堂文件夹中没有辅助板的照片。"
    ),
    "caveat_camera_knocked": "在 {time} 似乎有相机被碰动（约 {px} px）。",
    "caveat_heads_disagree": "两台相机对头部方向的分歧超出其不确定范围。",
    "caveat_frames_undecoded": (
        "{camera}侧视频的 {asked} 张画面中有 {undecoded} 张（{share} %）无法读取：这些时刻一无所"
        "知。"
    ),
    "caveat_frames_missing": "{moments} 个时刻中有 {missing} 个缺少{camera}侧相机的画面。",
    "caveat_row_coverage": "第 {row} 排：只在 {coverage} % 的时间测得人脸。",
    "caveat_row_small_faces": "第 {row} 排：人脸高仅 {face_px} px。",
    "caveat_faces_covered": (
        "{students} 名学生中有 {n} 名的脸部分被遮挡（口罩、手、书、头发或前面的人），通常占 "
        "{share} % 的时间。"
    ),
    "caveat_seats_shifted": (
        "全班的位置与 session.toml 中的座位相差 {cm} 厘米（{n} 名学生）：教室或座位是从另一个角开始"
        "测量的，姓名可能是邻座的。"
    ),
    "caveat_camera_changed": "有一台相机已与标定时不同（{said}）。",
    "caveat_class_does_not_fit": (
        "班级与标定不符：{students} 名学生中有 {one_camera_only} 名只被一台相机看到，或两台相机"
        "的人脸对不上。请勿使用这些点。"
    ),
    "caveat_few_usable": "只有 {usable} % 的时刻有可用的点；其余虽被看到，但太不确定。",
    "caveat_targets_unknown_students": (
        "targets.csv 的 {of} 行中有 {lines} 行写的是本课不认识的学生：这些行没有用于检验。"
    ),
    "caveat_recording": "有一个视频不完整或与录制时不同（{said}）。",
    "caveat_no_report": "分析本课时未能生成报告（{said}）。",
    "caveat_rig_remark": "相机标定附有说明（{said}）。",
    "caveat_room_unchecked": "教室中的测量太少，无法检验（{said}）。",
    "caveat_clock_unmeasured": "两个视频的时钟无法比较（{said}）。",
    "caveat_clock_roughly_measured": "两个视频的时钟只是大致已知（{said}）。",
    "caveat_clock_contradicted": "所给的时钟与测得的不符（{said}）。",
    "caveat_clock_senses_disagree": "两种测量时钟的方法不一致（{said}）。",
    "caveat_clock_jumps": "有一个视频丢失了画面，而其时间没有显示出来（{said}）。",
    "caveat_times_missing": "有一个视频的画面没有时间（{said}）。",
    "caveat_times_not_monotonic": "有一个视频的时间倒退（{said}）。",
    "caveat_frames_dropped": "有一台相机漏掉了画面（{said}）。",
    "caveat_rate_varies": "有一台相机的画面间隔不均（{said}）。",
    "caveat_duration_mismatch": "有一个视频的长度与文件所述不符（{said}）。",
    "caveat_durations_differ": "两个视频长度不同（{said}）。",
    "caveat_rates_differ": "两台相机的帧率不同（{said}）。",
    "caveat_agreement_used": (
        "全班的一致性证实 {students} 名学生中的 {used} 名有恒定误差（通常 {deg}°）：已扣除。所"
        "有头部共有的误差仍在各点之中，各人的时间比例会显得比实际更相近。"
    ),
    "caveat_agreement_left": (
        "全班的一致性证实 {students} 名学生中的 {used} 名有恒定误差（通常 {deg}°）：仍在其各点"
        "之中（<code>gaze analyze --agreement</code> 可扣除）。"
    ),
    "caveat_agreement_unproven": "全班的一致性未能证实任何学生的恒定误差。",
    "title_answers": "简答",
    "a_data_complete": "的学生时刻测得了数据：没有缺失。",
    "heat_said": "学生：{students}。注视点：{n}。",
}
