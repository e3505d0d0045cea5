"""Deutsch."""

DE: dict[str, str] = {
    "axis_x": "Meter von der rechten Tafelkante",
    "axis_y": "Meter unter der Oberkante",
    "axis_time": "Zeit in der Stunde (min:s)",
    "axis_board_share": "zur Tafel gewandt",
    "axis_states": "wohin Köpfe zeigten",
    "axis_seat_z": "Meter von der Tafel",
    "axis_agreement": "Übereinstimmung",
    "scale_unit": "% je m²",
    "state_board": "Tafel",
    "state_left_third": "linkes Drittel",
    "state_middle_third": "mittleres Drittel",
    "state_right_third": "rechtes Drittel",
    "state_rest_of_board": "übrige Tafel",
    "state_off_board": "neben oder über der Tafel",
    "state_down": "unter der Tafel (Tisch, Heft)",
    "state_away": "abgewandt",
    "heat_title_class": "Wohin Köpfe zeigten: die Klasse ({title})",
    "heat_title_student": "Wohin der Kopf zeigte: {student} ({title})",
    "heat_shows": "Personen: {students}. Blickpunkte: {n}. Typischer Fehler {cm} cm.",
    "heat_none": "Es wurde kein Blickpunkt gemessen: Es gibt nichts zu zeichnen.",
    "heat_not": (
        "Das Bild zeigt, wohin Köpfe zeigten, nicht worauf Augen ruhten und nicht, was jemand "
        "dachte."
    ),
    "hover_heat": "%{x:.2f} m von rechts, %{y:.2f} m von oben<br>%{z:.1f} % der Blickpunkte je m²",
    "hover_timeline": (
        "<b>%{customdata[0]}</b><br>zur Tafel gewandt %{y:.0f} % "
        "(%{customdata[1]}–%{customdata[2]} % nach "
        "Messfehler)<br>%{customdata[3]}–%{customdata[4]} %, wenn über Messlücken nichts "
        "angenommen wird<br>%{customdata[5]} Personen gemessen"
    ),
    "hover_sync": "%{customdata}: %{y:.0f} %",
    "kind": "Aufmerksamkeitsbericht",
    "skip": "Zum Bericht springen",
    "contents": "Inhalt",
    "meta": "{date}{students} Personen, {length}, alle {step} s eine Messung.",
    "meta_class_only": "Klassenbericht zum Weitergeben: nichts über weniger als {k} Personen.",
    "statement": (
        "Dieser Bericht zeigt, wohin Köpfe zeigten. Er zeigt nicht, worauf Augen ruhten, und "
        "nicht, was jemand dachte, verstand oder fühlte: Wer nach unten sieht, schreibt "
        "vielleicht; wer wegsieht, denkt vielleicht nach. Er dient dem Nachdenken über eine "
        "Stunde, niemals der Benotung, der Disziplin oder der Beurteilung von irgendjemandem."
    ),
    "nothing_title": "Es wurde nichts gemessen",
    "nothing": (
        "Dieser Lauf enthält keinen Moment, in dem ein Gesicht gemessen wurde, also keine "
        "Bilder. Prüfen Sie die Videos mit <code>gaze check</code> und die Datengüte unten."
    ),
    "unfinished": (
        "Dieser Lauf ist nicht als fertig vermerkt ({state}): Die Tabellen sind vielleicht "
        "unvollständig."
    ),
    "title_short": "Auf einen Blick",
    "q_part": "Welchem Teil?",
    "a_part": "{area}: {share} % der gemessenen Zeit ({low}–{high} %); danach {rest}.",
    "a_part_unclear": "Kein Teil liegt klar vorn: {list}. Ihre Unsicherheiten überschneiden sich.",
    "a_part_none": "Auf der Tafel wurde zu wenig gemessen, um das zu sagen.",
    "q_left": "Wann wandte sich die Klasse ab?",
    "a_left": "{list}: klar unter den {share} % der ganzen Stunde.",
    "a_left_none": (
        "Es gab keinen Abschnitt von einer Minute oder mehr, der klar unter dem Anteil der "
        "ganzen Stunde lag."
    ),
    "q_seats": "Von welchen Plätzen sieht man die Tafel schlecht?",
    "a_seats": (
        "Von {n} Plätzen sieht man einen Teil sehr schräg oder aus großer Ferne: {list}. Der "
        "Sitzplan zeigt, welchen."
    ),
    "a_seats_count": (
        "Von {n} Plätzen sieht man einen Teil der Tafel sehr schräg oder aus großer Ferne."
    ),
    "a_seats_one": "{student} ({area})",
    "a_seats_none": (
        "Von keinem: Jeder bekannte Platz sieht jeden Teil unter weniger als {angle}° und einen "
        "5-cm-Buchstaben größer als {arcmin} Bogenminuten."
    ),
    "a_seats_unknown": "Die Plätze sind nicht bekannt, das lässt sich also nicht sagen.",
    "a_seats_few": "Weniger als {k} Plätze: wird in einem Klassenbericht nicht gezeigt.",
    "q_data": "Wie gut sind die Daten?",
    "a_data": (
        "aller Momente aller Personen wurden gemessen. Nimmt man über die übrigen nichts an, "
        "zeigten Köpfe {low}–{high} % der Zeit zur Tafel."
    ),
    "title_quality": "Die Daten, Reihe für Reihe",
    "quality_box": "Datengüte",
    "row": "Reihe {rows}",
    "row_unknown": "Plätze unbekannter Reihe",
    "read_fine": "Teile eines Tafeldrittels sind unterscheidbar",
    "read_thirds": "Drittel der Tafel sind unterscheidbar, mehr nicht",
    "read_sides": "nur als links / rechts zu lesen",
    "read_board": "nur als Tafel / nicht Tafel zu lesen",
    "read_nothing": "zu wenig Daten: nichts hineinlesen",
    "head_gain_none": (
        "Diese Punkte sagen, wohin <em>Köpfe</em> zeigten. Eine Korrektur von Kopf zu Blick "
        "wurde nicht angewandt: Einen Teil jeder Wendung machen die Augen, deshalb liegen die "
        "Punkte näher am Geradeaus jedes Platzes als das wahre Ziel."
    ),
    "head_gain": (
        "Eine Korrektur von Kopf zu Blick wurde angewandt, angepasst an markierten Punkten "
        "dieses Raums: {detail}."
    ),
    "validation": "Fehler in diesem Raum",
    "validation_none": (
        "In diesem Raum nicht geprüft. Die Fehler hier sind vorhergesagt, nicht gemessen. So "
        "prüft man sie: nummerierte Marken an die Tafel kleben, die Klasse bitten, sich jeder "
        "zehn Sekunden lang zuzuwenden, in <code>targets.csv</code> schreiben, wer wann wohin "
        "sah, und <code>gaze validate LESSON</code> aufrufen."
    ),
    "validation_overall": (
        "Bei {n} Blicken auf Marken lag der Blickpunkt im Median um {median} cm daneben, in neun "
        "von zehn Fällen um höchstens {p90} cm (im Mittel {mean} cm)."
    ),
    "validation_bias": (
        "Im Mittel lagen Punkte {x} cm zu weit {x_side} und {y} cm zu weit {y_side}."
    ),
    "side_left": "links",
    "side_right": "rechts",
    "side_low": "unten",
    "side_high": "oben",
    "validation_row": "Reihe {row} ({distance} m): Median {median} cm, n = {n}",
    "title_heat": "Wo auf der Tafel",
    "heat_lede": (
        "Die Tafel, wie die Klasse sie sieht. Jeder Punkt ist dort gezeichnet, wo er am "
        "wahrscheinlichsten lag, und so breit, wie das unsicher ist; jede Person wiegt gleich "
        "viel."
    ),
    "heat_toggle": "Zeigen",
    "everybody": "die ganze Klasse",
    "heat_alt": (
        "Wärmebild der Tafel, wie die Klasse sie sieht. Die dichteste Stelle liegt {x} m von der "
        "rechten Kante und {y} m unter der Oberkante; {inside} % des Gewichts liegen auf der "
        "Tafel."
    ),
    "heat_left_out": "Wegen zu weniger Daten weggelassen: {list}.",
    "heat_left_out_n": "Wegen zu weniger Daten weggelassen: {n} Personen.",
    "table_of": "Tabelle: {name}",
    "col_height": "Höhe",
    "col_lesson": "Stunde",
    "as_table": "Dasselbe als Tabelle",
    "heat_table": (
        "Anteil der Blickpunkte nach Zehnteln der Tafelbreite (von links nach rechts, wie die "
        "Klasse sie sieht) und Dritteln der Höhe"
    ),
    "top": "oberes Drittel",
    "centre": "Mitte",
    "bottom": "unteres Drittel",
    "title_areas": "Wie viel auf welchem Teil",
    "areas_lede": (
        "Anteile der gemessenen Zeit, befreit von der Unschärfe der Messung: Was ein Punkt "
        "bedeutet, richtet sich danach, wohin die Klasse sah. Der Balken ist, was dann noch "
        "unsicher ist (95 %), die dünne Linie lässt auch Momente ohne Messung offen."
    ),
    "col_95": "95 %",
    "between_m": "{a}–{b} m",
    "col_area": "Bereich",
    "col_share": "Anteil",
    "col_band": "Anteil mit Band",
    "col_visits": "Besuche",
    "col_mean_visit": "Mittlerer Besuch",
    "col_first": "Erster Blick",
    "col_reached": "Klasse erreicht",
    "col_students": "Personen",
    "col_time": "Zeit",
    "col_row": "Reihe",
    "col_face": "Gesicht",
    "col_error": "Typischer Fehler",
    "col_planned": "Geplant",
    "col_coverage": "Gemessen",
    "col_reading": "So zu lesen",
    "col_student": "Platz",
    "col_letter": "5-cm-Buchstabe",
    "col_angle": "Schrägster Winkel",
    "col_hardest": "Schwerster Teil",
    "areas_note": (
        "Ein Besuch ist Blick, der mindestens {visit} s in einem Bereich bleibt, Lücken bis "
        "{bridge} s überbrückt (ein „glance“ nach ISO 15007; Fixationen gibt es in solchen "
        "Daten nicht). Erster Blick: Median derer, die hinsahen. n = {n} Personen, von denen "
        "mindestens {coverage} % der Zeit gemessen wurden."
    ),
    "title_targets": "Tafeln, Leinwände, Tische und Menschen",
    "targets_lede": (
        "Worauf im Raum Köpfe zeigten, als Anteile der gemessenen Zeit; was nichts davon ist, ist "
        "<i>anderswo</i>. Näheres verdeckt, was dahinter liegt. Der Balken ist, was unsicher ist "
        "(95 %)."
    ),
    "targets_note": (
        "Aus der Richtung eines Kopfes, ihrem σ und den Orten im Raum folgt für jedes Ziel eine "
        "Wahrscheinlichkeit. Es sind nur Richtungen: Wer an einem Nachbarn <i>vorbei</i> sieht, "
        "zählt als einer, der ihn ansieht. Außer dieser Tabelle handelt der Bericht allein "
        "von der Tafel."
    ),
    "targets_untold": (
        "{a} und {b} sind aus Reihe {rows} nicht zu unterscheiden: Ein Viertel der Blicke auf das "
        "eine oder mehr würde für Blicke auf das andere gehalten. Lesen Sie beide zusammen."
    ),
    "targets_left_out": (
        "{target}: hier kein Ziel, da es von den meisten Plätzen nicht von den Tafeln zu "
        "unterscheiden ist."
    ),
    "targets_hidden": (
        "Andere Flächen verdecken von den Plätzen aus {share} der Tafel. Überall sonst in diesem "
        "Bericht zählen Blicke auf das, was davor hängt, als Blicke auf die Tafel."
    ),
    "col_target": "Ziel",
    "target_blackboard": "Tafel",
    "target_desk": "Eigener Tisch",
    "target_neighbour": "Ein Nachbar",
    "target_teacher": "Lehrkraft",
    "target_elsewhere": "Anderswo",
    "overlap_note": (
        "Bereiche überschneiden sich; ihre Anteile ergeben zusammen mehr als den der Tafel."
    ),
    "suppressed": "unter {k}",
    "title_timeline": "Im Lauf der Stunde",
    "timeline_lede": (
        "Oben: Anteil der gemessenen Zeit, in der die Klasse zur Tafel gewandt war, in "
        "Abschnitten von {window}. Dunkles Band: Messfehler. Helles Band: Über die nicht "
        "gemessenen Momente wird nichts angenommen. Unten: alles Gemessene, nach dem Ort, zu dem "
        "Köpfe zeigten."
    ),
    "timeline_alt": (
        "Verlauf. Anteil zur Tafel zwischen {low} % bei {low_t} und {high} % bei {high_t}."
    ),
    "timeline_not": (
        "Ein niedriger Anteil ist kein Urteil: Stillarbeit, ein Versuch am Tisch oder ein Film "
        "sehen genauso aus."
    ),
    "band_missing": "Messlücken",
    "band_sigma": "Messfehler",
    "marks": "Marken: {list}.",
    "marks_outside": "Marken außerhalb der Stunde, nicht gezeichnet: {list}.",
    "title_replay": "Die Stunde noch einmal",
    "replay_lede": (
        "Jeder Punkt ist der gemessene Punkt einer Person, in Schritten von {step}; Zahl und Farbe "
        "sind die Sitzreihe. Die Ellipse umfasst die Hälfte dessen, wo der Punkt liegen kann. "
        "Unter der Tafel steht, wer dort keinen Punkt hat."
    ),
    "replay_alt": "Die Tafel, wie die Klasse sie sieht, mit einem Punkt für jede Person.",
    "replay_not": (
        "Punkte springen, weil jede Messung irrt: ein kleiner Sprung ist keine Kopfbewegung. "
        "Zwischen zwei gemessenen Schritten gleitet ein Punkt; wo jemand nicht gemessen wurde, "
        "wird nichts ergänzt. Der Mauszeiger auf einem Punkt nennt den Platz; Pfeiltasten auf der "
        "Zeit gehen einen Schritt."
    ),
    "replay_play": "Abspielen",
    "replay_pause": "Anhalten",
    "replay_speed": "Tempo",
    "replay_part": "Abschnitt",
    "replay_whole": "die ganze Stunde",
    "replay_who": "Zeigen",
    "replay_sigma": "Unsicherheit",
    "replay_away": "abgewandt",
    "replay_outside": "außerhalb des Bildes",
    "replay_missing": "nicht gemessen",
    "replay_said": (
        "{time}: {shown} gezeigt, {away} abgewandt, {outside} außerhalb des Bildes, {missing} "
        "nicht gemessen"
    ),
    "replay_old": "Dieser Browser ist zu alt, um die Wiedergabe zu entpacken.",
    "replay_clip": (
        "Zahl und Farbe: Sitzreihe. Wohin Köpfe zeigten, nicht was jemand sah oder dachte."
    ),
    "replay_dot": "{student}, typischer Fehler {cm} cm",
    "title_phases": "Nach Phasen und Folien",
    "phases_table": "Phasen",
    "slides_table": "Folien",
    "col_phase": "Phase",
    "col_slide": "Folie",
    "phases_lede": (
        "Dieselben Anteile in jeder vermerkten Phase und auf jeder Folie (events.csv). Kurze "
        "enthalten wenige Messungen: ihre Bänder sind breit."
    ),
    "phase_said": "{when}, {students} Personen, {n} Blickpunkte",
    "phase_map": "Wohin die Köpfe zeigten: {name}",
    "phases_scale": "Alle Bilder haben dieselbe Farbskala.",
    "nav_seats": "Die Plätze",
    "title_seats": "Wo die Daten schwach sind, wo die Tafel schwer zu sehen ist",
    "seats_lede": (
        "Der Raum von oben, die Tafel oben. Ein rotes Quadrat mahnt zur Vorsicht: Die Daten "
        "dieses Platzes trennen höchstens Tafel und anderswo, oder (dritte Ansicht) Schrift ist "
        "von dort schwer zu sehen."
    ),
    "seat_error": "typischer Fehler",
    "seat_coverage": "Anteil gemessen",
    "seat_letter": "wie groß die Schrift erscheint",
    "seat_board": "Tafel",
    "seat_error_said": "Farbe: typischer Fehler eines Blickpunkts in cm. Dunkel ist groß.",
    "seat_coverage_said": "Farbe: gemessener Anteil der Stunde. Dunkel ist wenig.",
    "seat_letter_said": (
        "Farbe: Sehwinkel eines 5-cm-Buchstabens auf dem Teil der Tafel, der von dort am "
        "schwersten zu sehen ist, in Bogenminuten. Dunkel ist klein. Nur Geometrie: Köpfe davor, "
        "Spiegelungen und Augen sind nicht darin."
    ),
    "seat_map_title": "Wohin von jedem Platz aus geblickt wurde",
    "seat_map_said": (
        "An jedem Platz eine kleine Tafel mit den Stellen, auf die der Kopf zeigte, mit eigener "
        "Farbskala; darunter der typische Fehler der Punkte und in Klammern, was die Planung dort "
        "nach der Lage von Kameras und Platz erwartet. Roter Rand: ein Teil der Tafel ist von dort "
        "schlecht zu sehen. Ein Platz ohne Farben hat zu wenige Daten."
    ),
    "seat_map_alt": "Der Raum von oben mit einer kleinen Wärmekarte an jedem Platz.",
    "seat_predicted": "(geplant: {cm} cm)",
    "seats_alt": "Sitzplan. Schwache Daten: {weak}. Tafel schwer zu sehen: {hard}.",
    "seats_never": "Nie gemessen: {list}.",
    "seats_masked": "{n} Plätze haben widersprochen: Sie wurden verdeckt und sind in keiner Zahl.",
    "seats_unknown": "Kein Platz ist bekannt: Es gibt keinen Plan.",
    "none": "keine",
    "title_transitions": "Von wo nach wo",
    "transitions_lede": (
        "Wenn ein Besuch endete und binnen {gap} s ein anderer begann: wie viele von hundert vom "
        "Ort der Zeile zu dem der Spalte kamen (groß), und wie viele das waren (klein)."
    ),
    "transitions_caption": "Vom Ort der Zeile zu dem der Spalte",
    "from_to": "von ↓ nach →",
    "transitions_none": "Es wurde kein Übergang gemessen.",
    "transitions_phase": "Von wo nach wo: {name}",
    "transitions_note": (
        "Punkte ferner Plätze streuen über Grenzen; kurze Wege zwischen Nachbarn sind zum Teil "
        "Rauschen. Ein Strich: Der Ort wurde nie verlassen."
    ),
    "title_synchrony": "Wann sich die Klasse gemeinsam bewegte",
    "sync_lede": (
        "Die Linie ist die Wahrscheinlichkeit, dass zwei zufällig gewählte Personen zum selben "
        "Ort zeigten. Das graue Band ist, was der Zufall ergibt: dieselben Personen, jede um "
        "eine zufällige Zeit verschoben ({n}-mal). Rauten sind Momente, in denen sich binnen "
        "{bin} s mehr Personen einem Ort zuwandten als in 95 % der verschobenen Stunden."
    ),
    "sync_not": "Gemeinsame Bewegung ist kein Zeichen von Güte, und ihr Fehlen keines von Mangel.",
    "sync_off": "Gleichlauf wurde nicht berechnet.",
    "sync_few_students": "Das braucht drei Personen mit genügend Daten.",
    "sync_short": "Die Stunde ist dafür zu kurz: Es braucht 100 s.",
    "sync_alt": (
        "Übereinstimmung der Klasse im Lauf der Zeit, zwischen {low} % und {high} %; {n} Momente."
    ),
    "sync_none": "Kein Moment hebt sich vom Zufall ab.",
    "sync_caption": "Momente, in denen sich die Klasse gemeinsam wandte",
    "col_turned": "Wandten sich",
    "col_to": "Wohin",
    "of": "{n} von {all}",
    "of_most": "mindestens {n} von {all}",
    "agreement": "Übereinstimmung",
    "null_band": "Zufall",
    "moved_together": "gemeinsam bewegt",
    "title_students": "Platz für Platz",
    "nav_scarf": "Streifenbild",
    "title_scarf": "Platz für Platz durch die Stunde",
    "scarf_lede": (
        "Eine Zeile je Platz (Reihe · Platz), in Fenstern von {window}: wohin der Kopf am "
        "häufigsten zeigte. Leer: weniger als die Hälfte des Fensters wurde gemessen. Punktierte "
        "Linien: die Marken der Lehrkraft."
    ),
    "scarf_alt": "Streifenbild von {n} Plätzen: wohin jeder Kopf in der Stunde zeigte.",
    "scarf_not": (
        "Fenster verbergen kurze Blicke; wo der typische Fehler eines Platzes groß ist (siehe die "
        "Tabelle der Plätze), sagen seine Farben wenig."
    ),
    "students_lede": (
        "In der Reihenfolge der Pseudonyme, ohne Punktzahl und ohne Rang. Lesen Sie zuerst die "
        "Zeile zu den Daten: Sie sagt, wie viel das Bild darunter trägt. Jedes Wärmebild hat "
        "seine eigene Skala: Dunkel ist, wohin dieser Kopf am meisten zeigte."
    ),
    "student_data": "{coverage} % der Zeit gemessen, typischer Fehler {cm} cm: {reading}.",
    "student_data_none": "{coverage} % der Zeit gemessen: {reading}.",
    "student_covered": (
        "In {share} % davon war ein Teil des Gesichts verdeckt; die Punkte sind dann unsicherer."
    ),
    "student_row": "Reihe {row}",
    "student_heat": "Wärmebild von {student} auf der Tafel, wie die Klasse sie sieht: {summary}.",
    "student_line": "Verlauf von {student} in Abschnitten von {window}: {summary}.",
    "student_never": "Von dieser Person wurde kein einziger Moment gemessen. Mehr sagt das nicht.",
    "student_few": "Zu wenig Daten für ein Bild.",
    "filter_row": "Reihen",
    "filter_all": "alle Reihen",
    "filter_text": "Pseudonym suchen",
    "filter_weak": "nur mit genügend Daten",
    "filter_said": "{n} von {all} gezeigt",
    "missing": "nicht gemessen",
    "problem_excluded": "Wie vermerkt in keiner Zahl enthalten (zusammen {minutes} min): {list}.",
    "problem_nan": (
        "{n} Zeilen versprachen einen Blickpunkt, enthielten aber keinen; sie gelten als nicht "
        "gemessen."
    ),
    "problem_double": "{n} Zeilen wiederholten einen Moment derselben Person; die erste zählt.",
    "problem_unassigned": "{n} Zeilen gehören niemandem; sie sind weggelassen.",
    "problem_no_students": (
        "Dem Lauf fehlt die Tabelle der Personen; Reihen und Plätze sind unbekannt."
    ),
    "problem_area_cut": (
        "Der Bereich „{area}“ reicht über die Tafel hinaus und wurde an ihrem Rand abgeschnitten."
    ),
    "problem_area_overlap": (
        "Die Bereiche „{a}“ und „{b}“ überschneiden sich: Ihre Anteile ergänzen sich nicht."
    ),
    "problem_area_small_width": (
        "Der Bereich „{area}“ ist für diese Daten zu schmal: Seine halbe Breite ist {half_cm} "
        "cm, ein typischer Fehler {sigma_cm} cm."
    ),
    "problem_area_small_height": (
        "Der Bereich „{area}“ ist für diese Daten zu niedrig: Seine halbe Höhe ist {half_cm} "
        "cm, ein typischer Fehler {sigma_cm} cm: keine Höhen ablesen."
    ),
    "problem_one_student": "Nur eine Person: Nichts hier handelt von einer Klasse.",
    "problem_all_away": (
        "Jedes gemessene Gesicht war von der Tafel abgewandt: Es gibt keinen Blickpunkt. Wenn "
        "das nicht sein kann, prüfen Sie die Ausrichtung mit <code>gaze calibrate</code>."
    ),
    "problem_never": "{n} bekannte Personen wurden nie gemessen.",
    "problem_masked": "{n} Plätze haben widersprochen, wurden verdeckt und sind in keiner Zahl.",
    "lessons_lede": (
        "Der Anteil der gemessenen Zeit, in der die Klasse zur Tafel gewandt war, in jeder "
        "Stunde, mit dem Band des Messfehlers. Stunden unterscheiden sich aus vielen "
        "Gründen: Thema, Stillarbeit, Tageszeit. Keine Stunde ist wegen eines höheren "
        "Anteils besser."
    ),
    "lessons_alt": (
        "Der Tafel zugewandter Anteil jeder Stunde mit seinem Band; die Tabelle darunter hat "
        "die Zahlen."
    ),
    "lessons_table": "Anteile in % mit ihren 95-%-Bändern",
    "lessons_line": "Gestrichelt: eine Gerade durch die Stunden, mit ihrem 95-%-Band.",
    "lessons_left_out": "Nicht auf dieser Seite",
    "lessons_differences": "Gegenüber „{first}“",
    "lessons_differences_lede": (
        "In Prozentpunkten. Plätze, die in beiden Stunden besetzt waren, werden mit sich "
        "selbst verglichen; wo es weniger als fünf waren, die Mittel der beiden Klassen. Ein "
        "Band, das über 0 reicht, zeigt keinen Unterschied."
    ),
    "lessons_trend": "Änderung in einer Woche",
    "lessons_trend_lede": (
        "Eine Gerade durch die Anteile der Stunden, die Stunde als Einheit, in "
        "Prozentpunkten je Woche. Wenige Stunden sagen wenig."
    ),
    "col_date": "Datum",
    "col_points": "Punkte",
    "col_seats_paired": "Plätze in beiden",
    "title_compare": "Stunden nebeneinander",
    "compare_lede": (
        "Dieselben Maße anderer Stunden. Unterschiede, die kleiner sind als die Bänder, "
        "bedeuten nichts; andere Räume, Plätze und Kameras unterscheiden sich schon für sich. "
        "Vergleichen Sie keine Lehrkräfte."
    ),
    "compare_this": "diese Stunde",
    "title_questions": "Fragen zum Rückblick",
    "question_1": "Wohin sollte die Klasse sehen, und wann? Wo weicht das Bild davon ab?",
    "question_2": (
        "Welche Plätze konnten das Geschriebene nicht sehen, und was lässt sich verschieben: die "
        "Schrift oder die Plätze?"
    ),
    "question_3": "Was war in den ruhigen Abschnitten des Verlaufs die Aufgabe?",
    "title_method": "Wie das entstanden ist",
    "method_text": (
        "Zwei Kameras an der Tafel; Ort und Richtung jedes Kopfes werden gemessen, und die Linie "
        "aus dem Gesicht wird mit der Tafelebene geschnitten (Xu u. a., Scientific Reports "
        "16:405, 2026). Definitionen, Einheiten und Quellen aller Maße: docs/attention.md des "
        "Projekts. In Zahlen der Klasse wiegt jede Person gleich viel."
    ),
    "method_stored": (
        "In dieser Datei stehen: die Bilder oben, unter Pseudonymen, und keine Aufnahmen von "
        "Menschen. {retention}"
    ),
    "retention": "Die Daten der Stunde sind bis {date} zu löschen.",
    "retention_none": "In session.toml ist kein Löschdatum gesetzt (<code>retention_days</code>).",
    "versions": (
        "classroom-gaze {version}; Lauf {run}, ausgewertet {started}; Einstellungen: {settings}."
    ),
    "noscript": (
        "Dieser Browser führt das Skript der Seite nicht aus; die beweglichen Bilder fehlen, "
        "die Tabellen darunter enthalten dieselben Zahlen."
    ),
    "seconds": "{s} s",
    "minutes_unit": "{m} min",
    "cm": "{v} cm",
    "px": "{v} px",
    "deg": "{v}°",
    "arcmin": "{v}′",
    "answer": "Köpfe zeigten {share} % der gemessenen Zeit zur Tafel ({low}–{high} %)",
    "answer_part": ", am meisten auf „{area}“",
    "answer_left": "; deutlich weniger um {list}",
    "stop": ".",
    "trust": "Wie weit man dem trauen darf",
    "error_typical": (
        "Ein Punkt liegt typisch <strong>{cm} cm</strong> daneben ({known}): die Hälfte liegt "
        "näher an der Stelle, auf die der Kopf zeigte, die Hälfte weiter weg."
    ),
    "error_checked": "in diesem Raum geprüft an {n} Blicken auf Marken",
    "error_predicted": "vorhergesagt, in diesem Raum nicht geprüft",
    "doubts": "Was das Vertrauen mindert, das Teuerste zuerst",
    "readings": "Was sich unterscheiden lässt",
    "row_error": "{row} ({cm})",
    "reading_of_rows": "{rows}: {reading}.",
    "cost_any": "kann beliebig falsch sein",
    "cost_unknown": "Kosten unbekannt",
    "cost_missing": "Punkte fehlen, keiner ist verschoben",
    "cost_cm": "etwa {cm} cm",
    "cost_eyes": "etwa {cm} cm bei einem Ziel einen Meter daneben",
    "trust_unchecked": (
        "Der Fehler wurde in diesem Raum nicht geprüft (<code>gaze validate</code>)."
    ),
    "trust_targets": (
        "targets.csv nennt Personen, die die Stunde nicht kennt; ihre Blicke haben nichts "
        "geprüft: {list}."
    ),
    "a_left_short": "Mit {length} ist die Stunde zu kurz, um Abschnitte zu unterscheiden.",
    "disclaimer": "Wohin Köpfe zeigten, nicht, was jemand sah oder dachte.",
    "disclaimer_link": "Wozu dieser Bericht dient",
    "what_for": "Wozu das dient",
    "quality_lede": (
        "Sitzreihen, 1 der Tafel am nächsten. Typischer Fehler: Die Hälfte der Punkte einer "
        "Reihe liegt näher an der Stelle, auf die der Kopf zeigte."
    ),
    "button_print": "Drucken",
    "button_csv": "Tabellen (CSV)",
    "button_class": "Fassung zum Weitergeben",
    "caveat_teacher_seen": (
        "Die Lehrkraft war in {share} % der Zeit zu Fuß zu sehen: Sie zählt nicht als Schüler und "
        "steckt in keiner Zahl."
    ),
    "caveat_others_left_out": (
        "Vorübergehende (Stücke ihres Weges): {passers}; Gesichter auf Bildern: {portraits}. Sie "
        "zählen nicht als Schüler und stecken in keiner Zahl."
    ),
    "caveat_seats_unseen": (
        "{n} Platzwechsel in events.csv führen an einen Ort, an dem nie jemand gesehen wurde: Von "
        "da an gibt es von diesen Schülern keine Daten."
    ),
    "caveat_rig_forced": (
        "Die Kalibrierung der Kameras bestand ihre Prüfungen nicht und wurde trotzdem benutzt."
    ),
    "caveat_no_faces": (
        "In keinem der Videos wurde ein Gesicht gefunden: Ist die Klasse im Bild, und ist Licht an?"
    ),
    "caveat_noses_miss": (
        "Die zwei Kameras sind sich um {px} px uneins, wo Nasen sind: Kalibrierung oder Uhr "
        "können falsch sein."
    ),
    "caveat_clock_assumed": (
        "Dass die Uhren der zwei Videos gleich gehen, wurde angenommen; nichts hat es bestätigt."
    ),
    "caveat_camera_unchecked": (
        "Ob die Kameras noch stehen und sehen wie bei der Kalibrierung, wurde nicht geprüft: ihre "
        "Bilder des Hilfsbretts liegen nicht im Ordner der Stunde."
    ),
    "caveat_camera_knocked": "Um {time} wurde eine Kamera wohl angestoßen (um etwa {px} px).",
    "caveat_heads_disagree": (
        "Die zwei Kameras sind sich über Kopfrichtungen uneiniger, als ihre Unsicherheiten "
        "erlauben."
    ),
    "caveat_frames_undecoded": (
        "{undecoded} von {asked} Bildern des Videos {camera} ({share} %) waren nicht lesbar: Von "
        "diesen Momenten weiß man nichts."
    ),
    "caveat_frames_missing": (
        "Zu {missing} von {moments} Momenten fehlt ein Bild der Kamera {camera}."
    ),
    "caveat_row_coverage": "Reihe {row}: Gesichter wurden in {coverage} % der Zeit gemessen.",
    "caveat_row_small_faces": "Reihe {row}: Gesichter sind nur {face_px} px hoch.",
    "caveat_faces_covered": (
        "Bei {n} von {students} Personen ist ein Teil des Gesichts verdeckt (Maske, Hand, Buch, "
        "Haare, jemand davor), typischerweise in {share} % der Zeit."
    ),
    "caveat_seats_shifted": (
        "Die Klasse sitzt {cm} cm neben ihren Plätzen in session.toml ({n} Personen): Raum oder "
        "Plätze wurden von einer anderen Ecke aus gemessen; Namen können die der Nachbarn sein."
    ),
    "caveat_camera_changed": "Eine Kamera ist nicht mehr so, wie sie kalibriert wurde ({said}).",
    "caveat_class_does_not_fit": (
        "Die Klasse passt nicht zur Kalibrierung: {one_camera_only} von {students} Personen "
        "sieht nur eine Kamera, oder die Gesichter der Kameras treffen sich schlecht. Diese "
        "Punkte bitte nicht verwenden."
    ),
    "caveat_few_usable": (
        "Nur {usable} % der Momente haben einen brauchbaren Punkt; die übrigen sind gesehen, "
        "aber zu unsicher."
    ),
    "caveat_targets_unknown_students": (
        "{lines} von {of} Zeilen in targets.csv nennen jemanden, den die Stunde nicht kennt: "
        "Sie haben nichts geprüft."
    ),
    "caveat_recording": (
        "Ein Video ist nicht ganz oder nicht so, wie es aufgenommen wurde ({said})."
    ),
    "caveat_no_report": "Als die Stunde ausgewertet wurde, konnte kein Bericht entstehen ({said}).",
    "caveat_rig_remark": "Zur Kalibrierung der Kameras gibt es einen Vorbehalt ({said}).",
    "caveat_room_unchecked": "Im Raum wurde zu wenig gemessen, um ihn zu prüfen ({said}).",
    "caveat_clock_unmeasured": "Die Uhren der zwei Videos ließen sich nicht vergleichen ({said}).",
    "caveat_clock_roughly_measured": (
        "Die Uhren der zwei Videos sind nur ungefähr bekannt ({said})."
    ),
    "caveat_clock_contradicted": (
        "Was über die Uhren angegeben wurde, ist nicht, was gemessen wurde ({said})."
    ),
    "caveat_clock_senses_disagree": "Zwei Wege, die Uhren zu messen, widersprechen sich ({said}).",
    "caveat_clock_jumps": "Ein Video hat Bilder verloren, und seine Zeiten verbergen es ({said}).",
    "caveat_times_missing": "Bilder eines Videos haben keine Zeit ({said}).",
    "caveat_times_not_monotonic": "Die Zeiten eines Videos laufen rückwärts ({said}).",
    "caveat_frames_dropped": "Eine Kamera hat Bilder ausgelassen ({said}).",
    "caveat_rate_varies": "Die Bilder einer Kamera kommen ungleichmäßig ({said}).",
    "caveat_duration_mismatch": "Ein Video ist nicht so lang, wie seine Datei sagt ({said}).",
    "caveat_durations_differ": "Die zwei Videos sind nicht gleich lang ({said}).",
    "caveat_rates_differ": "Die zwei Kameras nehmen verschieden schnell auf ({said}).",
    "caveat_agreement_used": (
        "Die Übereinstimmung der Klasse beweist bei {used} von {students} Personen einen "
        "gleichbleibenden Fehler (meist {deg}°): Er wurde abgezogen. Ein Fehler, den alle "
        "Köpfe teilen, steckt noch in den Punkten, und Zeitanteile sehen einander ähnlicher, "
        "als sie sind."
    ),
    "caveat_agreement_left": (
        "Die Übereinstimmung der Klasse beweist bei {used} von {students} Personen einen "
        "gleichbleibenden Fehler (meist {deg}°): Er steckt in ihren Punkten (<code>gaze "
        "analyze --agreement</code> zieht ihn ab)."
    ),
    "caveat_agreement_unproven": (
        "Die Übereinstimmung der Klasse beweist bei niemandem einen gleichbleibenden Fehler."
    ),
    "title_answers": "In Kürze",
    "a_data_complete": "aller Momente aller Personen wurden gemessen: keiner fehlt.",
    "heat_said": "Personen: {students}. Blickpunkte: {n}.",
}
