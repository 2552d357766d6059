"""The checks of notebook 02: a group for the auditors, and the groups that keep their records for ever."""

from collections.abc import Mapping

from helpers.lessons.scene import Judgement, Scene, done, not_attempted, not_yet

AUDIT_DAYS = 90


def check_02_1(scene: Scene) -> Judgement:
    """The auditors' group: its class, its retention, its tags."""
    name = f"/{scene.lab.prefix}/audit"
    group = scene.groups(name).get(name)
    if group is None:
        return not_attempted()
    if group.get("logGroupClass", "STANDARD") != "INFREQUENT_ACCESS":
        return not_yet("class", name=name, given=group.get("logGroupClass", "STANDARD"))
    if "retentionInDays" not in group:
        return not_yet("forever", name=name)
    if group["retentionInDays"] != AUDIT_DAYS:
        return not_yet("retention", name=name, given=group["retentionInDays"])
    missing = scene.tags_amiss(scene.group_tags(group))
    return not_yet("no-tags", name=name, missing=" and ".join(f"`{key}`" for key in missing)) if missing else done()


def check_02_2(scene: Scene) -> Judgement:
    """Every group of the lab without a retention is in the learner's list, and no other."""
    given, groups = scene.answer, scene.groups(f"/{scene.lab.prefix}/")
    forever = {name for name, group in groups.items() if "retentionInDays" not in group}
    if isinstance(given, str | Mapping):
        return not_yet("not-list", given="one text" if isinstance(given, str) else "a dictionary")
    try:
        names = list(given)
    except TypeError:
        return not_yet("not-list", given=f"of type {type(given).__name__}")
    for each in names:
        if not isinstance(each, str):
            return not_yet(
                "not-names", kind="descriptions" if isinstance(each, Mapping) else f"a {type(each).__name__}"
            )
        if each not in groups:
            return not_yet("stranger", name=each)
        if each not in forever:
            return not_yet("too-many", name=each)
    found = forever & set(names)
    return done() if found == forever else not_yet("too-few", given=len(found), there=len(forever))
