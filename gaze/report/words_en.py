"""English."""

EN: dict[str, str] = {
    "axis_x": "metres from the board's right-hand edge",
    "axis_y": "metres down from its upper edge",
    "axis_time": "time in the lesson (min:s)",
    "axis_board_share": "board-facing",
    "axis_states": "where heads pointed",
    "axis_seat_z": "metres from the board",
    "axis_agreement": "agreement",
    "scale_unit": "% per m²",
    "state_board": "board",
    "state_left_third": "left third",
    "state_middle_third": "middle third",
    "state_right_third": "right third",
    "state_rest_of_board": "rest of the board",
    "state_off_board": "beside or above the board",
    "state_down": "below the board (desk, notebook)",
    "state_away": "turned away",
    "heat_title_class": "Where heads pointed: the class ({title})",
    "heat_title_student": "Where the head pointed: {student} ({title})",
    "heat_shows": "Students: {students}. Gaze points: {n}. Typical error {cm} cm.",
    "heat_none": "No gaze point was measured: there is nothing to draw.",
    "heat_not": (
        "It shows where heads pointed, not what eyes rested on and not what anybody thought."
    ),
    "hover_heat": "%{x:.2f} m from the right, %{y:.2f} m down<br>%{z:.1f} % of gaze points per m²",
    "hover_timeline": (
        "<b>%{customdata[0]}</b><br>board-facing %{y:.0f} % (%{customdata[1]}–%{customdata[2]} "
        "% by measurement error)<br>%{customdata[3]}–%{customdata[4]} % if nothing is assumed "
        "of missing moments<br>%{customdata[5]} students measured"
    ),
    "hover_sync": "%{customdata}: %{y:.0f} %",
    "kind": "Attention report",
    "skip": "Skip to the report",
    "contents": "Contents",
    "meta": "{date}{students} students, {length}, a measurement every {step} s.",
    "meta_class_only": "Class report for sharing: nothing about fewer than {k} students.",
    "statement": (
        "This report shows where heads were pointing. It does not show what eyes rested on, and "
        "not what anybody thought, understood or felt: a student who looks down may be writing, "
        "one who looks away may be thinking. It is meant for reflecting on a lesson, never for "
        "grading, discipline or the appraisal of anybody."
    ),
    "nothing_title": "Nothing was measured",
    "nothing": (
        "This run holds no moment in which a face was measured, so there are no figures. Check "
        "the videos with <code>gaze check</code> and the data quality below."
    ),
    "unfinished": "This run is not marked as finished ({state}): the tables may be incomplete.",
    "title_short": "At a glance",
    "q_part": "Which part of it?",
    "a_part": "{area}: {share} % of the measured time ({low}–{high} %); then {rest}.",
    "a_part_unclear": "No part is clearly ahead: {list}. Their uncertainties overlap.",
    "a_part_none": "Too little was measured on the board to tell.",
    "q_left": "When did the class leave it?",
    "a_left": "{list}: clearly below the lesson's {share} %.",
    "a_left_none": (
        "There was no stretch of a minute or more that lay clearly below the lesson's own share."
    ),
    "q_seats": "Which seats see the board badly?",
    "a_seats": (
        "{n} seats see some part of it at a sharp angle or from far away: {list}. The seat map "
        "shows which part."
    ),
    "a_seats_count": "{n} seats see some part of the board at a sharp angle or from far away.",
    "a_seats_one": "{student} ({area})",
    "a_seats_none": (
        "None: every known seat sees every part at under {angle}° and with a 5 cm letter above "
        "{arcmin} arc minutes."
    ),
    "a_seats_unknown": "The seats' places are not known, so this cannot be said.",
    "a_seats_few": "Fewer than {k} seats: not shown in a class report.",
    "q_data": "How good are the data?",
    "a_data": (
        "of all students' moments were measured. If nothing is assumed of the others, heads "
        "pointed at the board for {low}–{high} % of the time."
    ),
    "title_quality": "The data, row by row",
    "quality_box": "Data quality",
    "row": "Row {rows}",
    "row_unknown": "Seats of unknown row",
    "read_fine": "parts of a third of the board can be told apart",
    "read_thirds": "thirds of the board can be told apart, no more",
    "read_sides": "read these as left / right only",
    "read_board": "read these as board / not the board only",
    "read_nothing": "not enough data: read nothing into these",
    "head_gain_none": (
        "These points are where <em>heads</em> pointed. No correction from head to gaze was "
        "applied: the eyes do part of every turn, so points fall short of the true target "
        "towards each seat's straight-ahead."
    ),
    "head_gain": (
        "A head-to-gaze correction fitted on marked points of this room was applied: {detail}."
    ),
    "validation": "Error in this room",
    "validation_none": (
        "Not validated in this room. The errors given here are predicted, not checked. To check "
        "them: stick numbered marks on the board, ask the class to turn to each for ten seconds, "
        "write who looked where and when into <code>targets.csv</code>, and run <code>gaze "
        "validate LESSON</code>."
    ),
    "validation_overall": (
        "At {n} marked looks the gaze point was off by {median} cm in the median and by up to "
        "{p90} cm in nine of ten ({mean} cm on average)."
    ),
    "validation_bias": "On average points lay {x} cm to the {x_side} and {y} cm too {y_side}.",
    "side_left": "left",
    "side_right": "right",
    "side_low": "low",
    "side_high": "high",
    "validation_row": "Row {row} ({distance} m): median {median} cm, n = {n}",
    "title_heat": "Where on the board",
    "heat_lede": (
        "The board as the class sees it. Every point is drawn where it most likely lay, and as "
        "wide as that is uncertain; every student weighs the same."
    ),
    "heat_toggle": "Show",
    "everybody": "the whole class",
    "heat_alt": (
        "Heatmap of the board as the class sees it. The densest place is {x} m from the right "
        "edge and {y} m from the upper edge; {inside} % of the drawn points' weight lies on the "
        "board."
    ),
    "heat_left_out": "Left out for too little data: {list}.",
    "heat_left_out_n": "Left out for too little data: {n} students.",
    "table_of": "Table: {name}",
    "col_height": "Height",
    "col_lesson": "Lesson",
    "as_table": "The same as a table",
    "heat_table": (
        "Share of gaze points by tenths of the board's width (left to right as the class sees "
        "it) and thirds of its height"
    ),
    "top": "upper third",
    "centre": "middle",
    "bottom": "lower third",
    "title_areas": "How much on which part",
    "areas_lede": (
        "Shares of measured time, freed from the blur of the measurement: what a point means is "
        "judged by where the class looked. The whisker is what is then uncertain (95 %), the "
        "thin line also allows for the moments that were not measured."
    ),
    "col_95": "95 %",
    "between_m": "{a}–{b} m",
    "col_area": "Area",
    "col_share": "Share",
    "col_band": "Share with its band",
    "col_visits": "Visits",
    "col_mean_visit": "Mean visit",
    "col_first": "First look",
    "col_reached": "Class reached",
    "col_students": "Students",
    "col_time": "Time",
    "col_row": "Row",
    "col_face": "Face",
    "col_error": "Typical error",
    "col_planned": "Planned",
    "col_coverage": "Measured",
    "col_reading": "How to read it",
    "col_student": "Seat",
    "col_letter": "5 cm letter",
    "col_angle": "Sharpest angle",
    "col_hardest": "Hardest part",
    "areas_note": (
        "A visit is gaze kept within an area for at least {visit} s, gaps up to {bridge} s "
        "bridged (a glance in the sense of ISO 15007; there are no fixations in such data). "
        "First look: median over the students who looked. n = {n} students with at least "
        "{coverage} % of the time measured."
    ),
    "title_targets": "Boards, screens, desks and people",
    "targets_lede": (
        "Which of the things in the room heads pointed at, in shares of measured time; what is "
        "none of them is <i>elsewhere</i>. Nearer things hide what lies behind. The whisker is "
        "what is uncertain (95 %)."
    ),
    "targets_note": (
        "A probability for each target follows from a head's direction, its σ and the places in "
        "the room. Directions only: whoever looks <i>past</i> a neighbour counts as looking at "
        "him. Beyond this table the report is about the blackboard alone."
    ),
    "targets_untold": (
        "{a} and {b} cannot be told apart from row {rows}: a quarter or more of the looks at one "
        "would be taken for the other. Read the two together."
    ),
    "targets_left_out": (
        "{target}: no target here, since from most seats it cannot be told from the boards."
    ),
    "targets_hidden": (
        "Other surfaces hide {share} of the blackboard from the seats. Everywhere else in this "
        "report, looks at what hangs before it count as looks at the blackboard."
    ),
    "col_target": "Target",
    "target_blackboard": "Blackboard",
    "target_desk": "Own desk",
    "target_neighbour": "A neighbour",
    "target_teacher": "Teacher",
    "target_elsewhere": "Elsewhere",
    "overlap_note": "Areas overlap, so their shares add up to more than the board's.",
    "suppressed": "under {k}",
    "title_timeline": "Over the lesson",
    "timeline_lede": (
        "Above: the share of the class's measured time facing the board, in windows of {window}. "
        "Dark band: measurement error. Light band: nothing is assumed of the moments that were "
        "not measured. Below: all that was measured, by where heads pointed."
    ),
    "timeline_alt": (
        "Timeline. Board-facing share between {low} % at {low_t} and {high} % at {high_t}."
    ),
    "timeline_not": (
        "A low share is no judgement: seat work, a demonstration on a desk or a film look like "
        "this too."
    ),
    "band_missing": "missing moments",
    "band_sigma": "measurement error",
    "marks": "Marks: {list}.",
    "marks_outside": "Marks outside the lesson, not drawn: {list}.",
    "title_replay": "The lesson again",
    "replay_lede": (
        "Every dot is a student's measured point, in steps of {step}; its number and colour are "
        "the row of seats. The ellipse holds half of where the point may lie. Below the board "
        "stand those without a point there."
    ),
    "replay_alt": "The board as the class sees it, with a dot for each student.",
    "replay_not": (
        "Dots jump because every measurement errs: a small jump is no movement of the head. "
        "Between two measured steps a dot glides; nothing is filled in where a student was not "
        "measured. Hover over a dot for its seat; arrow keys on the time move by a step."
    ),
    "replay_play": "Play",
    "replay_pause": "Pause",
    "replay_speed": "Speed",
    "replay_part": "Part",
    "replay_whole": "the whole lesson",
    "replay_who": "Show",
    "replay_sigma": "uncertainty",
    "replay_away": "turned away",
    "replay_outside": "beyond the picture",
    "replay_missing": "not measured",
    "replay_said": (
        "{time}: {shown} shown, {away} turned away, {outside} beyond the picture, {missing} not "
        "measured"
    ),
    "replay_old": "This browser is too old to unpack the replay.",
    "replay_clip": (
        "Number and colour: row of seats. Where heads pointed, not what anybody saw or thought."
    ),
    "replay_dot": "{student}, typical error {cm} cm",
    "title_phases": "By phase and slide",
    "phases_table": "Phases",
    "slides_table": "Slides",
    "col_phase": "Phase",
    "col_slide": "Slide",
    "phases_lede": (
        "The same shares within each phase and slide that was marked (events.csv). Short "
        "ones hold few moments: their bands are wide."
    ),
    "phase_said": "{when}, {students} students, {n} gaze points",
    "phase_map": "Where heads pointed: {name}",
    "phases_scale": "All pictures have one scale of colours.",
    "nav_seats": "The seats",
    "title_seats": "Where data are weak, where the board is hard to see",
    "seats_lede": (
        "The room from above, the board at the top. A red square marks a seat to be careful "
        "with: its data tell the board from elsewhere at most, or (third view) writing is hard "
        "to see from there."
    ),
    "seat_error": "typical error",
    "seat_coverage": "share measured",
    "seat_letter": "how large writing looks",
    "seat_board": "blackboard",
    "seat_error_said": "Colour: typical error of a gaze point in cm. Dark is large.",
    "seat_coverage_said": "Colour: share of the lesson that was measured. Dark is little.",
    "seat_letter_said": (
        "Colour: visual angle of a 5 cm letter on the part of the board that is hardest to see "
        "from there, in arc minutes. Dark is small. Geometry only: heads in the way, glare and "
        "eyesight are not in it."
    ),
    "seat_map_title": "Where each seat looked",
    "seat_map_said": (
        "At each seat a small board with the places its head pointed to, on a scale of its own; "
        "below it the typical error of its points and, in brackets, what the planner expects "
        "there from the geometry of cameras and seat. A red outline: some part of the board is "
        "hard to see from there. A seat without colours has too little data."
    ),
    "seat_map_alt": "The room from above with a small heatmap at each seat.",
    "seat_predicted": "(planned: {cm} cm)",
    "seats_alt": "Seat map. Weak data: {weak}. Board hard to see: {hard}.",
    "seats_never": "Never measured: {list}.",
    "seats_masked": "{n} seats opted out: they were masked and are in no number.",
    "seats_unknown": "No seat's place is known: there is no map.",
    "none": "none",
    "title_transitions": "From where to where",
    "transitions_lede": (
        "When a visit ended and another began within {gap} s: out of a hundred that left the "
        "row's place, how many came to the column's (large), and how many that were (small)."
    ),
    "transitions_caption": "From the row's place to the column's",
    "from_to": "from ↓ to →",
    "transitions_none": "No transition was measured.",
    "transitions_phase": "From where to where: {name}",
    "transitions_note": (
        "Points of far seats scatter over borders, so short moves between neighbouring areas are "
        "partly noise. A dash: the place was never left."
    ),
    "title_synchrony": "When the class moved together",
    "sync_lede": (
        "The line is the chance that two students picked at random pointed at the same place. "
        "The grey band is what chance alone gives: the same students, each shifted by a random "
        "time ({n} times). Diamonds are moments at which more students turned to one place "
        "within {bin} s than in 95 % of the shifted lessons."
    ),
    "sync_not": "Moving together is no mark of quality, and moving apart none of its lack.",
    "sync_off": "Synchrony was not asked for.",
    "sync_few_students": "This needs three students with enough data.",
    "sync_short": "The lesson is too short for this: it needs 100 s.",
    "sync_alt": "Agreement of the class over time, between {low} % and {high} %; {n} moments.",
    "sync_none": "No moment stands out against chance.",
    "sync_caption": "Moments at which the class turned together",
    "col_turned": "Turned",
    "col_to": "To",
    "of": "{n} of {all}",
    "of_most": "at least {n} of {all}",
    "agreement": "agreement",
    "null_band": "chance",
    "moved_together": "moved together",
    "title_students": "Student by student",
    "nav_scarf": "Scarf plot",
    "title_scarf": "Seat by seat over the lesson",
    "scarf_lede": (
        "A line for each seat (row · seat), in windows of {window}: the place its head pointed to "
        "most often. Blank: less than half of the window was measured. Dotted lines: the "
        "teacher's marks."
    ),
    "scarf_alt": "Scarf plot of {n} seats: where each head pointed over the lesson.",
    "scarf_not": (
        "Windows hide short looks; where a seat's typical error is large (see the seats' table) "
        "its colours say little."
    ),
    "students_lede": (
        "In the order of pseudonyms, without a score and without a rank. Read the data line "
        "first: it says how much of the picture below it can carry. Each heatmap has a scale of "
        "its own: dark is where this head pointed most."
    ),
    "student_data": "Measured {coverage} % of the time, typical error {cm} cm: {reading}.",
    "student_data_none": "Measured {coverage} % of the time: {reading}.",
    "student_covered": (
        "In {share} % of it a part of the face was covered; the points are less certain then."
    ),
    "student_row": "row {row}",
    "student_heat": "Heatmap of {student} on the board as the class sees it: {summary}.",
    "student_line": "Timeline of {student} in windows of {window}: {summary}.",
    "student_never": "Not a single moment of this student was measured. That says nothing else.",
    "student_few": "Not enough data for a picture.",
    "filter_row": "Rows",
    "filter_all": "all rows",
    "filter_text": "Find a pseudonym",
    "filter_weak": "only with enough data",
    "filter_said": "{n} of {all} shown",
    "missing": "not measured",
    "problem_excluded": "Left out of every number, as marked ({minutes} min in all): {list}.",
    "problem_nan": "{n} rows promised a gaze point but held none; they count as not measured.",
    "problem_double": "{n} rows repeated a moment of the same student; the first one counts.",
    "problem_unassigned": "{n} rows belong to nobody; they are left out.",
    "problem_no_students": "The run has no students table; rows and seats are unknown.",
    "problem_area_cut": "The area “{area}” reaches beyond the board and was cut at its edge.",
    "problem_area_overlap": "The areas “{a}” and “{b}” overlap: their shares do not add up.",
    "problem_area_small_width": (
        "The area “{area}” is too narrow for these data: half its width is {half_cm} cm, a "
        "typical error {sigma_cm} cm."
    ),
    "problem_area_small_height": (
        "The area “{area}” is too low for these data: half its height is {half_cm} cm, a "
        "typical error {sigma_cm} cm: do not read heights."
    ),
    "problem_one_student": "One student only: nothing here is about a class.",
    "problem_all_away": (
        "Every measured face was turned away from the board: there is no gaze point. If that "
        "cannot be, check the rig's orientation with <code>gaze calibrate</code>."
    ),
    "problem_never": "{n} known students were never measured.",
    "problem_masked": "{n} opted-out seats were masked and are in no number.",
    "lessons_lede": (
        "The share of the class's measured time that faced the board in each lesson, with "
        "its band of measurement error. Lessons differ for many reasons: subject, seat work, "
        "the time of day. No lesson is better for a higher share."
    ),
    "lessons_alt": (
        "Board-facing share of each lesson with its band; the table below has the numbers."
    ),
    "lessons_table": "Shares in % with their 95 % bands",
    "lessons_line": "Dashed: a straight line through the lessons, with its 95 % band.",
    "lessons_left_out": "Not on this page",
    "lessons_differences": "Against “{first}”",
    "lessons_differences_lede": (
        "In per cent points. Seats that were taken in both lessons are compared with "
        "themselves; where fewer than five were, the two classes' means are. A band that "
        "reaches over 0 shows no difference."
    ),
    "lessons_trend": "Change in a week",
    "lessons_trend_lede": (
        "A straight line through the lessons' shares, the lesson as unit, in per cent points "
        "a week. A few lessons say little."
    ),
    "col_date": "Date",
    "col_points": "Points",
    "col_seats_paired": "Seats in both",
    "title_compare": "Lessons side by side",
    "compare_lede": (
        "The same measures of other lessons. Differences smaller than the bands mean nothing; "
        "different rooms, seats and cameras differ by themselves. Do not compare teachers."
    ),
    "compare_this": "this lesson",
    "title_questions": "Questions for looking back",
    "question_1": (
        "Where did you expect the class to look, and when? Where does the picture differ?"
    ),
    "question_2": (
        "Which seats could not see what you wrote, and what could be moved: writing or seats?"
    ),
    "question_3": "In the quiet stretches of the timeline, what were students asked to do?",
    "title_method": "How this was made",
    "method_text": (
        "Two cameras at the board; each head's place and direction are measured, and the line "
        "out of the face is met with the board's plane (Xu et al., Scientific Reports 16:405, "
        "2026). Definitions, units and sources of every measure: docs/attention.md of the "
        "project. Numbers of the class give every student the same weight."
    ),
    "method_stored": (
        "Kept in this file: the figures above, under pseudonyms, and no pictures of people. "
        "{retention}"
    ),
    "retention": "The lesson's data are to be deleted by {date}.",
    "retention_none": "No date of deletion is set in session.toml (<code>retention_days</code>).",
    "versions": "classroom-gaze {version}; run {run}, analysed {started}; settings: {settings}.",
    "noscript": (
        "This browser does not run the page's own script, so the moving figures are missing; the "
        "tables below each hold the same numbers."
    ),
    "seconds": "{s} s",
    "minutes_unit": "{m} min",
    "cm": "{v} cm",
    "px": "{v} px",
    "deg": "{v}°",
    "arcmin": "{v}′",
    "answer": "Heads pointed at the board for {share} % of the measured time ({low}–{high} %)",
    "answer_part": ", most of it at “{area}”",
    "answer_left": "; clearly less at {list}",
    "stop": ".",
    "trust": "How far to trust this",
    "error_typical": (
        "A point is typically <strong>{cm} cm</strong> off ({known}): half of them lie nearer to "
        "where the head pointed, half farther."
    ),
    "error_checked": "checked in this room on {n} marked looks",
    "error_predicted": "predicted, not checked in this room",
    "doubts": "What lowers trust, the costliest first",
    "readings": "What can be told apart",
    "row_error": "{row} ({cm})",
    "reading_of_rows": "{rows}: {reading}.",
    "cost_any": "may be wrong by any amount",
    "cost_unknown": "cost not known",
    "cost_missing": "points missing, none shifted",
    "cost_cm": "about {cm} cm",
    "cost_eyes": "about {cm} cm for a target a metre aside",
    "trust_unchecked": "The error was not checked in this room (<code>gaze validate</code>).",
    "trust_targets": (
        "targets.csv names students whom the lesson does not know, so that their looks checked "
        "nothing: {list}."
    ),
    "a_left_short": "With {length} the lesson is too short for stretches to be told apart.",
    "disclaimer": "Where heads pointed, not what anybody saw or thought.",
    "disclaimer_link": "What this report is for",
    "what_for": "What this is for",
    "quality_lede": (
        "Rows of seats, 1 nearest to the board. Typical error: half of a row's points lie nearer "
        "to where the head pointed."
    ),
    "button_print": "Print",
    "button_csv": "Tables (CSV)",
    "button_class": "Copy for sharing",
    "caveat_teacher_seen": (
        "The teacher was seen on foot in {share} % of the time: no student, and in no number here."
    ),
    "caveat_others_left_out": (
        "Passers-by (pieces of their way): {passers}; faces on pictures: {portraits}. They are no "
        "students and in no number here."
    ),
    "caveat_seats_unseen": (
        "{n} changes of seat in events.csv lead to a place where nobody was ever seen: from then "
        "on such a student has no data."
    ),
    "caveat_rig_forced": "The cameras' calibration failed its checks and was used all the same.",
    "caveat_no_faces": (
        "No face was found in either video: is the class in the picture, and the light on?"
    ),
    "caveat_noses_miss": (
        "The two cameras disagree about where noses are, by {px} px: calibration or clock may be "
        "wrong."
    ),
    "caveat_clock_assumed": (
        "The clocks of the two videos were assumed to agree; nothing confirmed it."
    ),
    "caveat_camera_unchecked": (
        "Whether the cameras still stand and see as they did at their calibration was not checked: "
        "their pictures of the auxiliary board are not in the lesson's folder."
    ),
    "caveat_camera_knocked": "At {time} a camera seems to have been knocked (by about {px} px).",
    "caveat_heads_disagree": (
        "The two cameras disagree about head directions more than their uncertainties allow."
    ),
    "caveat_frames_undecoded": (
        "{undecoded} of {asked} pictures of the video on the {camera} ({share} %) could not be "
        "read: of these moments nothing is known."
    ),
    "caveat_frames_missing": (
        "{missing} of {moments} moments have no picture of the camera on the {camera}."
    ),
    "caveat_row_coverage": "Row {row}: faces were measured in {coverage} % of the time.",
    "caveat_row_small_faces": "Row {row}: faces are {face_px} px high, which is small.",
    "caveat_faces_covered": (
        "Of {n} of {students} students a part of the face is covered (mask, hand, book, hair, "
        "somebody in front), typically in {share} % of the time."
    ),
    "caveat_seats_shifted": (
        "The class sits {cm} cm beside its seats in session.toml ({n} students): the room or the "
        "seats were measured from another corner, and names may be the neighbours'."
    ),
    "caveat_camera_changed": "A camera is no longer as it was calibrated ({said}).",
    "caveat_class_does_not_fit": (
        "The class does not fit the calibration: {one_camera_only} of {students} students are "
        "seen by one camera alone, or the cameras' faces meet badly. Do not use these points."
    ),
    "caveat_few_usable": (
        "Only {usable} % of the moments have a point that can be used; the others are seen, "
        "but too uncertain."
    ),
    "caveat_targets_unknown_students": (
        "{lines} of {of} lines of targets.csv name a student whom the lesson does not know: "
        "they checked nothing."
    ),
    "caveat_recording": "A video is not whole, or not as it was taken ({said}).",
    "caveat_no_report": "When the lesson was analysed, its report could not be made ({said}).",
    "caveat_rig_remark": "The cameras' calibration has a remark ({said}).",
    "caveat_room_unchecked": "Too little was measured in the room to check it ({said}).",
    "caveat_clock_unmeasured": "The clocks of the two videos could not be compared ({said}).",
    "caveat_clock_roughly_measured": (
        "The clocks of the two videos are known only roughly ({said})."
    ),
    "caveat_clock_contradicted": "What was stated of the clocks is not what was measured ({said}).",
    "caveat_clock_senses_disagree": "Two ways to measure the clocks disagree ({said}).",
    "caveat_clock_jumps": "A video lost pictures, and its times hide it ({said}).",
    "caveat_times_missing": "Pictures of a video have no time ({said}).",
    "caveat_times_not_monotonic": "A video's times run backwards ({said}).",
    "caveat_frames_dropped": "A camera left pictures out ({said}).",
    "caveat_rate_varies": "A camera's pictures come unevenly ({said}).",
    "caveat_duration_mismatch": "A video is not as long as its file says ({said}).",
    "caveat_durations_differ": "The two videos are not equally long ({said}).",
    "caveat_rates_differ": "The two cameras take pictures at different rates ({said}).",
    "caveat_agreement_used": (
        "The class's agreement proves a constant error of {used} of {students} students "
        "(typically {deg}°): it was taken off. An error that all heads share is still in the "
        "points, and shares of time come out more alike than they are."
    ),
    "caveat_agreement_left": (
        "The class's agreement proves a constant error of {used} of {students} students "
        "(typically {deg}°): it is in their points (<code>gaze analyze --agreement</code> "
        "takes it off)."
    ),
    "caveat_agreement_unproven": (
        "The class's agreement proves no student's constant error beyond chance."
    ),
    "title_answers": "In short",
    "a_data_complete": "of all students' moments were measured: none is missing.",
    "heat_said": "Students: {students}. Gaze points: {n}.",
}
