//! The frame loop: bounded work in each animation frame, then drawing if there is something new to see.

use gloo::render::request_animation_frame;
use gloo::utils::window;
use web_sys::Element;
use yew::prelude::*;

use super::app::{App, Msg, SPEEDS};
use super::bindings::TerminalPane;
use super::storage;
use crate::scene::facts::PodFacts;

/// Real milliseconds of work in a frame.
const WORK: f64 = 9.0;
/// Polls between two looks at the clock.
pub(super) const SLICE: u64 = 100;
/// Real milliseconds of a frame's work on the way to another time, where nothing else is to be done.
const SEEK: f64 = 34.0;
/// Real milliseconds in which a page that is opened again may come back to where it was before anything is drawn.
pub(super) const BACK: f64 = 300.0;
/// Terminal bytes that may wait to be shown before the laboratory waits for the terminal.
const BEHIND: u32 = 256 * 1024;
/// Real milliseconds between two drawings while only the clock moves.
const TICK: f64 = 100.0;

/// Pixels.
const CLUSTER_EDGE: f64 = 4.0;

pub(super) fn now() -> f64 {
    window().performance().map_or(0.0, |p| p.now())
}

impl App {
    pub(super) fn next_frame(&mut self, ctx: &Context<Self>) {
        let link = ctx.link().clone();
        self.frame = Some(request_animation_frame(move |at| link.send_message(Msg::Frame(at))));
    }

    /// One animation frame: bounded work, then drawing if there is something new to see.
    pub(super) fn frame(&mut self, at: f64, ctx: &Context<Self>) -> bool {
        let passed = (at - self.last_frame).clamp(0.0, 250.0) / 1000.0;
        self.last_frame = at;
        self.before_frame();
        let speed = match (self.session.is_running(), self.playing) {
            (true, _) => SPEEDS[SPEEDS.len() - 1].0,
            (false, true) => SPEEDS[self.settings.speed.min(SPEEDS.len() - 1)].0,
            (false, false) => 0.0,
        };
        let until = self.session.target(passed * speed);
        let began = now();
        let work = if self.session.seeking().is_some() { SEEK } else { WORK };
        let behind = |terminal: &Option<TerminalPane>| terminal.as_ref().is_some_and(|t| t.pending() > BEHIND);
        while !behind(&self.terminal) {
            let (reached, ended) = self.session.advance(until, SLICE);
            let (anew, bytes) = self.session.take_output();
            if let Some(terminal) = self.terminal.as_ref().filter(|_| anew || !bytes.is_empty()) {
                if anew {
                    terminal.reset();
                }
                terminal.write(&bytes);
            }
            if let Some(said) = ended.filter(|said| !said.is_empty()) {
                self.said = said;
            }
            if reached || now() - began > work {
                break;
            }
        }
        let told = self.after_frame(at, now);
        let notices = self.session.take_notices();
        let noticed = !notices.is_empty();
        for notice in notices {
            self.notes.add(ctx.link(), notice.into());
        }
        self.next_frame(ctx);
        self.follow_files();
        self.save(at);
        let measured = self.measure();
        let revision = self.session.revision();
        let changed = revision != self.drawn;
        if changed {
            self.choose();
        }
        self.welcome(at);
        let moving = self.playing || self.session.is_running() || self.session.seeking().is_some();
        let due = changed && at - self.last_draw > 30.0 || moving && at - self.last_draw > TICK;
        if measured || noticed || told || due {
            self.drawn = revision;
            self.last_draw = at;
            self.see_cluster(at);
            return true;
        }
        false
    }

    /// Files that a command in the terminal wrote.
    pub(super) fn follow_files(&mut self) {
        let revision = self.session.files_revision();
        if revision == self.files_revision {
            return;
        }
        self.files_revision = revision;
        let files = self.session.files();
        if let Some(editor) = &self.editor {
            for (path, text) in &files {
                if self.files.get(path).is_some_and(|old| old != text) {
                    editor.update(path, text);
                }
            }
            for path in self.files.keys().filter(|p| !files.contains_key(*p)) {
                editor.forget(path);
            }
        }
        if files != self.files {
            self.files = files;
            self.unsaved = true;
            self.drawn = u64::MAX;
        }
        // Files come and go as time does.
        let there = |path: &Option<String>| path.as_ref().is_some_and(|p| self.files.contains_key(p));
        if there(&self.settings.open_file) && self.open != self.settings.open_file {
            self.show_file(self.settings.open_file.clone());
        } else if !there(&self.open) {
            self.show_file(self.files.keys().next().cloned());
        }
    }

    pub(super) fn save(&mut self, at: f64) {
        // The files of the past are only looked at.
        if self.unsaved && at - self.last_save > 400.0 && !self.session.is_past() {
            self.unsaved = false;
            self.last_save = at;
            self.refused = !storage::keep_files(&self.files);
        }
    }

    pub(super) fn keep_settings(&mut self) {
        self.refused |= !storage::keep_settings(&self.settings);
    }

    /// The sizes of what is drawn at its own size; whether they changed.
    pub(super) fn measure(&mut self) -> bool {
        let width = |host: &NodeRef, old: f64| {
            let width = host.cast::<Element>().map_or(0.0, |e| f64::from(e.client_width()));
            if width > 0.0 { width } else { old }
        };
        let (pod, time) = (width(&self.pod_host, self.pod_width), width(&self.time_host, self.time_width));
        // Less its padding, and room for what it may draw over its edge.
        let cluster = width(&self.cluster_host, self.cluster_width + CLUSTER_EDGE) - CLUSTER_EDGE;
        let changed = pod != self.pod_width || time != self.time_width || cluster != self.cluster_width;
        (self.pod_width, self.time_width, self.cluster_width) = (pod, time, cluster);
        changed
    }

    /// Keeps a pod chosen while there are any, and tells a screen reader how it is.
    pub(super) fn choose(&mut self) {
        // In the past it may not have been there yet.
        let gone = |uid: &str| self.session.pod(uid).is_none() && !self.session.is_known(uid);
        if self.follow || self.chosen.as_deref().is_none_or(gone) {
            let newest = self.session.newest_pod();
            if newest.is_some() && newest != self.chosen {
                (self.chosen, self.log_of, self.follow) = (newest, None, false);
            }
        }
        let pod = self.chosen.as_deref().and_then(|uid| self.session.pod(uid));
        let status = pod.map_or(String::new(), |p: PodFacts| format!("{}: {}", p.name(), p.status));
        if status != self.status {
            self.status = status.clone();
            self.said = status;
        }
    }
}
